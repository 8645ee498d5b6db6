#!/usr/bin/env python3
"""Django's commands, and ours."""

import io
import os
import signal
import sys

from django.core.management import execute_from_command_line


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    # A command needs one connection; a pool would open more, and its threads would outlive it.
    os.environ.setdefault("DATABASE_POOL_SIZE", "0")
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
