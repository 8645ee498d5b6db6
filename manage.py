#!/usr/bin/env python3
"""Django's commands, and ours."""

import os
import signal
import sys

from django.core.management import execute_from_command_line


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    # A command needs one connection; a pool would open more, and its threads would outlive it.
    os.environ.setdefault("DATABASE_POOL_SIZE", "0")
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
