"""Writes on the side of a request, such as a last use: never waited for, never what fails it."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from traceback import clear_frames

from django.db import Error, connection, transaction

log = logging.getLogger("strata.asides")


def write_aside(write: Callable[[], object]) -> bool:
    """Run a small write now if the database takes it at once; return whether it did.

    A long bulk change holds SQLite's only write lock, and a change of the same row holds its lock
    in PostgreSQL: a request that only reads must not queue behind either.
    """
    try:
        with _without_waiting():
            write()
    except Error as error:
        log.debug("not written: %s", error)
        _let_go(error)
        return False
    return True


def _let_go(error: BaseException | None) -> None:
    """Drop what a caught database error holds: its frames, and with them a cursor.

    Django's database errors are reference cycles, which the garbage collector takes apart in
    whatever thread it runs. A cursor of SQLite waits there for its connection, which another thread
    may be using to wait for a lock that this very thread holds: both would stand still until one
    gives up.
    """
    while error is not None:
        clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__


@contextmanager
def _without_waiting() -> Iterator[None]:
    """A transaction that fails instead of waiting for a lock. Within another it is a part of it."""
    if connection.in_atomic_block:
        with transaction.atomic():
            yield
    elif connection.vendor == "sqlite":
        timeout = connection.settings_dict["OPTIONS"].get("timeout", 5)
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA busy_timeout = 0")
            try:
                with transaction.atomic():
                    yield
            finally:
                cursor.execute(f"PRAGMA busy_timeout = {int(timeout * 1000)}")
    else:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL lock_timeout = '20ms'")
            yield
