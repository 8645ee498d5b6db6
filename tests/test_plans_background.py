"""Plans that are applied in the background: their progress, and what happens on their way."""

import threading
import time
from uuid import UUID

import pytest
from django.db import connection

from events.models import Event, Run, RunState
from features.bulk import storedapply
from features.bulk.apply import apply_in_batches
from features.bulk.claims import claim
from features.bulk.exclusive import wait_for_turn
from features.models import PlanState, StoredPlan, UserOverride
from features.services import set_features
from tests.factories import BY, make_cast
from tests.planning import caller, make_plan, make_users, row
from tests.rest import assert_error

pytestmark = pytest.mark.django_db(transaction=True)

ROWS = 10


@pytest.fixture
def cast():
    return make_cast()


@pytest.fixture(autouse=True)
def _without_pauses(monkeypatch):
    monkeypatch.setattr(storedapply, "PAUSE", 0)


@pytest.fixture
def root(client, cast):
    return caller(client, cast.root)


@pytest.fixture
def plan(root, cast):
    return make_plan(root, *(row(name, True) for name in make_users(cast, ROWS)))


@pytest.fixture
def steps(monkeypatch):
    """Have batches wait until they are let through one by one."""
    gate = threading.Semaphore(0)
    apply = apply_in_batches

    def step(*args, **kwargs):
        for state in apply(*args, **kwargs):
            gate.acquire(timeout=30)
            yield state

    monkeypatch.setattr(storedapply, "apply_in_batches", step)
    return gate


def follow(root, plan, *, until):
    """Ask for a plan until it is as it should be; return it."""
    deadline = time.monotonic() + 30
    while not until(answer := root("GET", f"plans/{plan['id']}").json()):
        assert time.monotonic() < deadline, answer
        time.sleep(0.01)
    return answer


def is_at_end(plan):
    return plan["state"] not in {"applying", "ready"}


def begin(root, plan, **order):
    return root("POST", f"plans/{plan['id']}/apply", order)


def test_plan__in_batches__answers_202_and_goes_on_to_the_end(root, plan):
    answer = begin(root, plan, batch_size=3, reason="go")
    end = follow(root, plan, until=is_at_end)

    assert (answer.status_code, answer.json()["state"]) == (202, "applying")
    assert (end["state"], end["run"]) == ("applied", answer.json()["run"])
    assert end["progress"] == {"done": ROWS, "total": ROWS, "left_out": 0}
    run = Run.objects.get()
    assert (str(run.pk), run.state, run.batches) == (end["run"], RunState.DONE, 4)
    assert set(Event.objects.filter(run=run.pk).values_list("reason", flat=True)) == {"go"}
    assert begin(root, plan).json() == end


def test_plan__on_its_way__shows_its_progress_and_cannot_be_deleted(root, plan, steps):
    begin(root, plan, batch_size=3)
    steps.release()
    middle = follow(root, plan, until=lambda plan: plan["progress"]["done"] >= 6)

    deleted = root("DELETE", f"plans/{plan['id']}")
    again = begin(root, plan, batch_size=3)
    for _ in range(ROWS):
        steps.release()
    end = follow(root, plan, until=is_at_end)

    assert (middle["state"], middle["progress"]["total"]) == ("applying", ROWS)
    assert_error(deleted, 409, 10, "being applied")
    assert (again.status_code, again.json()["run"]) == (202, middle["run"])
    assert (end["state"], Run.objects.count()) == ("applied", 1)


def test_plan__overtaken_before_it_begins__is_stale_and_nothing_is_written(root, cast, plan):
    set_features(cast.acme.users.get(public_id="u7"), {"web_key": True}, **BY)

    answer = begin(root, plan, batch_size=3)
    end = follow(root, plan, until=is_at_end)

    assert answer.status_code == 202
    assert (end["state"], end["run"], end["progress"]["done"]) == ("stale", None, 0)
    assert [(one["row"], one["code"]) for one in end["problems"]] == [(7, "stale")]
    assert not UserOverride.objects.filter(feature__key="user_schema").exists()


def test_plan__overtaken_on_its_way__leaves_that_owner_alone(root, cast, plan, steps):
    begin(root, plan, batch_size=3)
    follow(root, plan, until=lambda plan: plan["progress"]["done"] >= 3)
    last = cast.acme.users.get(public_id=f"u{ROWS - 1}")
    set_features(last, {"user_schema": False}, **BY)
    for _ in range(ROWS):
        steps.release()

    end = follow(root, plan, until=is_at_end)

    assert (end["state"], end["progress"]["left_out"]) == ("applied", 1)
    assert [(one["row"], one["code"]) for one in end["problems"]] == [(ROWS - 1, "stale")]
    assert last.overrides.get().value is False
    assert Run.objects.get().state == RunState.PARTLY


def test_plan__all_or_nothing_at_any_size__is_one_transaction(root, plan, monkeypatch):
    monkeypatch.setattr(storedapply, "AT_ONCE", 5)

    answer = begin(root, plan, batch_size=0)
    end = follow(root, plan, until=is_at_end)

    assert (answer.status_code, end["state"]) == (202, "applied")
    assert (Run.objects.get().batches, UserOverride.objects.count()) == (0, ROWS)


@pytest.fixture
def broken_off(root, plan, monkeypatch):
    """Have a fault stop the plan after two batches; return what was answered when it began."""
    apply = apply_in_batches

    def stop_after_two(*args, **kwargs):
        batches = apply(*args, **kwargs)
        next(batches)
        yield next(batches)
        raise OSError  # what a fault leaves is what a kill leaves: nothing is noted

    with monkeypatch.context() as patch:
        patch.setattr(storedapply, "apply_in_batches", stop_after_two)
        first = begin(root, plan, batch_size=3).json()
        middle = follow(root, plan, until=is_at_end)
    assert (middle["state"], middle["progress"]["done"]) == ("interrupted", 6)
    return first


def test_plan__interrupted__goes_on_with_the_same_run_and_ends_the_same(root, plan, broken_off):
    again = begin(root, plan)
    end = follow(root, plan, until=is_at_end)

    assert (again.status_code, end["state"], end["run"]) == (202, "applied", broken_off["run"])
    assert (Event.objects.filter(run=end["run"]).count(), Run.objects.get().batches) == (ROWS, 4)


def test_plan__interrupted_and_an_owner_deleted__goes_on_without_it(root, cast, plan, broken_off):
    cast.acme.users.get(public_id="u9").delete()

    begin(root, plan)
    end = follow(root, plan, until=is_at_end)

    assert (end["state"], end["progress"]) == (
        *("applied", {"done": ROWS, "total": ROWS, "left_out": 1}),
    )
    assert [(one["row"], one["code"]) for one in end["problems"]] == [(9, "unknown_owner")]
    assert (Run.objects.get().state, UserOverride.objects.count()) == (RunState.PARTLY, ROWS - 1)


def test_plan__an_owner_deleted_on_its_way__is_tried_again_without_it(
    root, cast, plan, monkeypatch
):
    attempts: list[UUID] = []

    def delete_one(staged, run, **options):
        if not attempts:
            cast.acme.users.get(public_id="u9").delete()
        attempts.append(run.pk)
        return apply_in_batches(staged, run, **options)

    monkeypatch.setattr(storedapply, "apply_in_batches", delete_one)
    begin(root, plan, batch_size=3)
    end = follow(root, plan, until=is_at_end)

    assert (len(attempts), len(set(attempts))) == (2, 1)
    assert (end["state"], end["progress"]["left_out"]) == ("applied", 1)
    assert UserOverride.objects.count() == ROWS - 1


def test_plan__interrupted_before_it_wrote_anything__is_checked_as_at_first(root, cast, plan):
    begin_interrupted(plan)
    cast.acme.users.get(public_id="u9").delete()

    begin(root, plan)
    end = follow(root, plan, until=is_at_end)

    # Nothing of it was written, so everything is checked as if it began.
    assert (end["state"], end["problems"][0]["code"]) == ("stale", "unknown_owner")


def begin_interrupted(plan):
    """Leave a plan as a process does that was killed before its first batch."""
    StoredPlan.objects.filter(key=plan["id"]).update(
        state=PlanState.APPLYING, batch_size=3, run="0b6e5c1e-7f0b-4f2c-9d3a-1f1f9c9d7a11"
    )


def test_plan__claimed_by_somebody__is_not_interrupted(root, plan):
    begin_interrupted(plan)
    number = StoredPlan.objects.get().pk

    with held_elsewhere(lambda: claim(number)):
        working = root("GET", f"plans/{plan['id']}").json()["state"]
    after = root("GET", f"plans/{plan['id']}").json()["state"]

    assert (working, after) == ("applying", "interrupted")


def test_plan__small_while_another_run_is_going_on__does_not_wait_in_the_request(root, plan):
    with held_elsewhere(wait_for_turn):
        answer = begin(root, plan)
    end = follow(root, plan, until=is_at_end)

    assert (answer.status_code, end["state"]) == (202, "applied")
    assert Run.objects.get().batches == 0


def test_plan__a_second_one_meanwhile__409(root, cast, plan, steps):
    other = make_plan(root, row("bob", True))
    begin(root, plan, batch_size=3)

    refused = begin(root, other, batch_size=1)
    for _ in range(ROWS):
        steps.release()
    follow(root, plan, until=is_at_end)

    assert_error(refused, 409, 10, "another plan of yours")


def test_plan__with_a_key_in_batches__begins_once(root, plan):
    path, key = f"plans/{plan['id']}/apply", {"Idempotency-Key": "k"}

    first, second = (root("POST", path, {"batch_size": 3}, **key) for _ in range(2))
    end = follow(root, plan, until=is_at_end)

    assert (first.status_code, first.json()) == (202, second.json())
    assert (end["state"], Run.objects.count()) == ("applied", 1)


class held_elsewhere:
    """Have another thread, with another connection, hold a lock."""

    def __init__(self, lock):
        self.lock = lock
        self.is_held, self.is_over = threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self._hold)

    def _hold(self):
        with self.lock():
            self.is_held.set()
            self.is_over.wait(30)
        connection.close()

    def __enter__(self):
        self.thread.start()
        self.is_held.wait(30)

    def __exit__(self, *_error):
        self.is_over.set()
        self.thread.join()
