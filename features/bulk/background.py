"""Work that goes on after a request has been answered: a thread of this process.

It needs no queue beside the database. What it has done is in the database, batch by batch; if its
process ends, whoever asks again goes on from there.
"""

import logging
from collections.abc import Callable
from contextvars import copy_context
from threading import Thread

from django.db import connection, transaction

log = logging.getLogger("strata.bulk")


def start_after_commit(work: Callable[[], None]) -> None:
    """Have a thread with a connection of its own do some work, once the transaction is there."""
    context = copy_context()  # with it, the log names the request that asked
    transaction.on_commit(
        lambda: Thread(target=context.run, args=(_carry_out, work), daemon=True).start()
    )


def _carry_out(work: Callable[[], None]) -> None:
    try:
        work()
    except Exception:
        log.exception("work in the background has stopped")
    finally:
        connection.close()
