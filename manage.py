#!/usr/bin/env python3
"""Django's commands, and ours."""

import io
import os
import signal
import sys
from pathlib import Path

from django.core.management import execute_from_command_line


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    # A command needs one connection; a pool would open more, and its threads would outlive it.
    os.environ.setdefault("DATABASE_POOL_SIZE", "0")
    # What the caller has closed is empty, or goes nowhere: without this, writing a line of the
    # answer would fail after the work was done.
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115
    # What a command prints is read by programs, too: it is UTF-8 whatever the terminal speaks.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
