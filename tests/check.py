"""Runs every check of the code, two at a time, even when one fails. `./run check` comes here."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

PYTHON = Path(sys.executable)
CHECKS = {
    "style": ["ruff", "check", "."],
    "format": ["ruff", "format", "--check", "."],
    "lengths": ["python", "-m", "tests.lengths"],
    "types": ["mypy", ".", "run"],
    "imports": ["lint-imports"],
    "templates": ["djlint", "templates", "--lint", "--quiet"],
    "migrations": ["python", "manage.py", "makemigrations", "--check", "--dry-run"],
    "django": ["python", "manage.py", "check", "--fail-level", "WARNING"],
}


def main() -> int:
    failed = []
    with ThreadPoolExecutor(max_workers=2) as executor:
        results = executor.map(run_check, CHECKS.values())
        for name, result in zip(CHECKS, results, strict=True):
            if result.returncode == 0:
                print(f"{name:<12}ok", flush=True)
            else:
                failed.append(name)
                print(f"{name:<12}FAILED: {' '.join(result.args)}\n{result.stdout}", flush=True)
    if failed:
        print(f"\n{len(failed)} of {len(CHECKS)} checks failed: {', '.join(failed)}")
    else:
        print(f"\nAll {len(CHECKS)} checks passed")
    return 1 if failed else 0


def run_check(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        env=os.environ
        | {
            "PATH": f"{PYTHON.parent}{os.pathsep}{os.environ.get('PATH', '')}",
            "DJANGO_SETTINGS_MODULE": "tests.settings",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


if __name__ == "__main__":
    sys.exit(main())
