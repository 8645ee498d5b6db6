"""Compiles the translations.

Django reads them compiled (.mo); the repository holds their sources (.po) alone.
"""

import os
from pathlib import Path

import polib

FOLDER = Path(__file__).resolve().parent.parent / "locale"


def compile_texts(folder: Path = FOLDER) -> list[Path]:
    """Compile every catalogue beside its source, and return what was written.

    One that is newer than its source stays. A process that reads meanwhile sees the old one whole.
    """
    written = []
    for source in sorted(folder.glob("*/LC_MESSAGES/*.po")):
        compiled = source.with_suffix(".mo")
        if compiled.exists() and compiled.stat().st_mtime > source.stat().st_mtime:
            continue
        draft = source.with_suffix(f".{os.getpid()}")
        polib.pofile(str(source)).save_as_mofile(str(draft))
        draft.replace(compiled)
        written.append(compiled)
    return written


if __name__ == "__main__":
    compile_texts()
