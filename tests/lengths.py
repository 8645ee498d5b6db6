"""Refuses files that are too long to be read at once. `./run check` comes here."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
LONGEST = 400  # lines
WRITTEN = {".py", ".html", ".css", ".js", ".md", ".proto"}
NOT_BY_HAND = {"gen", "migrations", "node_modules", "staticfiles", "build"}
# Longer ones, and why each is.
EXCEPTIONS = {"features/kinds.py": "the kinds stand beside each other, so that they stay alike"}


def main() -> int:
    lengths = {
        str(path.relative_to(HERE)): len(path.read_text().splitlines())
        for path in HERE.glob("[!.]*/**/*")
        if path.suffix in WRITTEN and not NOT_BY_HAND & set(path.parts)
    }
    too_long = {name for name, length in lengths.items() if length > LONGEST}
    complaints = [
        f"{name} has {lengths[name]} lines: part it by subject, so that none has over {LONGEST}."
        for name in sorted(too_long - EXCEPTIONS.keys())
    ]
    complaints += [
        f"{name} is no longer that long: take it out of the exceptions."
        for name in sorted(EXCEPTIONS.keys() - too_long)
    ]
    sys.stdout.write("\n".join(complaints))
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
