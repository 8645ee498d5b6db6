"""Who works on a stored plan: a claim that ends with the thread, or with its process.

No heartbeat: the operating system, or PostgreSQL, knows at once when a process is gone, and a long
transaction could write none. On SQLite a claim is a locked file beside the database.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from os.path import samestat
from pathlib import Path
from typing import IO

from django.db import connection

from features.bulk.workspace import execute, fetch_one, is_postgresql

LOCK_CLASS = 723_618  # of PostgreSQL's advisory locks of two numbers: any, as long as it is ours
LARGEST_NUMBER = 2**31


@contextmanager
def claim(plan: int) -> Iterator[None]:
    """Hold the claim of a plan, after waiting for whoever has it."""
    if is_postgresql():
        numbers = [LOCK_CLASS, plan % LARGEST_NUMBER]
        execute("SELECT pg_advisory_lock(%s, %s)", numbers)
        try:
            yield
        finally:
            if connection.connection is not None and not connection.needs_rollback:
                execute("SELECT pg_advisory_unlock(%s, %s)", numbers)
        return
    path = _path(plan)
    with _lock(path):
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def is_claimed(plan: int) -> bool:
    """Whether somebody works on a plan at this moment."""
    if is_postgresql():
        held = fetch_one(
            "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 2 "
            "AND classid = %s AND objid = %s "
            "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
            [LOCK_CLASS, plan % LARGEST_NUMBER],
        )
        return held is not None
    try:
        with _path(plan).open("r") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def forget_claim(plan: int) -> None:
    """Remove what a killed process left of its claim."""
    if not is_postgresql():
        _path(plan).unlink(missing_ok=True)


def _lock(path: Path) -> IO[str]:
    """Return the open file of a path, locked.

    Whoever had it removes it in the end: who waited for that file holds one that nobody else can
    find, and takes the next.
    """
    while True:
        file = path.open("w")
        fcntl.flock(file, fcntl.LOCK_EX)
        with suppress(FileNotFoundError):
            if samestat(os.fstat(file.fileno()), path.stat()):
                return file
        file.close()


def _path(plan: int) -> Path:
    return Path(f"{connection.settings_dict['NAME']}-plan-{plan}")
