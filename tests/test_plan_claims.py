"""The claim of a stored plan on SQLite, between processes."""

import fcntl
import multiprocessing
from multiprocessing.connection import Connection

import pytest

from features.bulk import claims
from features.bulk.claims import claim, is_claimed

# PostgreSQL's claims are locks of its own, and no files.
pytestmark = pytest.mark.once

PLAN = 7


@pytest.fixture
def _files(tmp_path, monkeypatch):
    monkeypatch.setattr(claims, "_path", lambda plan: tmp_path / f"plan-{plan}")


def claim_and_tell(pipe: Connection) -> None:
    """Claim the plan once told; tell when its file is open, not yet locked, and when it is ours."""
    lock = fcntl.flock

    def tell_and_lock(file, how):
        pipe.send("opened")
        lock(file, how)

    pipe.recv()
    fcntl.flock = tell_and_lock
    with claim(PLAN):
        pipe.send("claimed")
        pipe.recv()


def hear_until(pipe: Connection, word: str) -> None:
    while pipe.poll(20):
        if pipe.recv() == word:
            return
    pytest.fail(f"the other process never said {word}")


@pytest.mark.usefixtures("_files")
def test_claim__waited_for_while_its_holder_ends__is_held_by_one_alone():
    ours, theirs = multiprocessing.Pipe()
    fork = multiprocessing.get_context("fork")
    waiting = fork.Process(target=claim_and_tell, args=[theirs], daemon=True)

    waiting.start()  # first: it would inherit the open file, and hold the lock with it
    with claim(PLAN):
        ours.send("go")
        hear_until(ours, "opened")
    hear_until(ours, "claimed")
    seen_meanwhile = is_claimed(PLAN)
    ours.send("end")
    waiting.join(20)

    assert seen_meanwhile
    assert (waiting.exitcode, is_claimed(PLAN)) == (0, False)
