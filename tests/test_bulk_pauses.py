"""A run in batches lets other writers of SQLite in between."""

import pytest
from django.db import connection

from features.bulk import exclusive
from features.bulk.exclusive import Courtesy


class Clock:
    """Time that passes when it is told to."""

    def __init__(self):
        self.now = 0.0
        self.slept = []

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(seconds)


@pytest.mark.parametrize(
    ("batches", "pauses"),
    [([0.2], 0), ([0.3], 1), ([0.1, 0.1, 0.1], 1), ([1.0, 0.1, 1.0], 2)],
)
def test_courtesy__after_enough_writing__pauses_longer_than_a_waiting_writer_sleeps(
    monkeypatch, batches, pauses
):
    clock, courtesy = Clock(), Courtesy()
    monkeypatch.setattr(exclusive, "time", clock)

    for seconds in batches:
        with courtesy.writing():
            clock.now += seconds
        courtesy.pause()

    assert len(clock.slept) == (pauses if connection.vendor == "sqlite" else 0)
    assert all(seconds > 0.1 for seconds in clock.slept)
