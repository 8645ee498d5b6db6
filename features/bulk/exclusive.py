"""One bulk run at a time: another one waits for its turn, and a killed one holds nobody up."""

import fcntl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connection

from features.bulk.workspace import execute, fetch_one, is_postgresql

held = threading.local()
# Seconds. Who waits for SQLite's one lock looks again every tenth of a second, so a shorter pause
# may be missed; and no pause at all made single writers wait for seconds.
PAUSE = 0.11
WITHOUT_PAUSE = 0.25
LOCK_NUMBER = 7_236_182_415  # of PostgreSQL's advisory locks: any number, as long as it is ours


@contextmanager
def wait_for_turn(tell: Callable[[str], None] = lambda _sentence: None) -> Iterator[None]:
    """Hold the one lock of all bulk runs; ``tell`` hears when somebody else has it.

    The connection holds it, or on SQLite an open file, so it ends with the process. Who has it may
    ask again. Ask before a transaction, never within one: its holder may need the database.
    """
    if getattr(held, "is_ours", False):
        yield
        return
    with _wait(tell):
        held.is_ours = True
        try:
            yield
        finally:
            held.is_ours = False


@contextmanager
def _wait(tell: Callable[[str], None]) -> Iterator[None]:
    sentence = "Another bulk run is going on; waiting for its end"
    if is_postgresql():
        if not fetch_one("SELECT pg_try_advisory_lock(%s)", [LOCK_NUMBER])[0]:
            tell(sentence)
            execute("SELECT pg_advisory_lock(%s)", [LOCK_NUMBER])
        try:
            yield
        finally:
            if connection.connection is not None and not connection.needs_rollback:
                execute("SELECT pg_advisory_unlock(%s)", [LOCK_NUMBER])
        return
    path = Path(f"{connection.settings_dict['NAME']}-bulk")
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell(sentence)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


class Courtesy:
    """Lets other writers in between the batches of a run, where they would wait for all of them."""

    def __init__(self) -> None:
        self.busy = 0.0

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Count how long the database was kept from others."""
        started = time.monotonic()
        yield
        self.busy += time.monotonic() - started

    def pause(self) -> None:
        """Wait for a moment after enough writing on SQLite; PostgreSQL keeps nobody waiting."""
        if self.busy > WITHOUT_PAUSE and not is_postgresql():
            time.sleep(PAUSE)
            self.busy = 0.0
