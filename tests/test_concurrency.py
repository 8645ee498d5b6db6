"""Many writers at once, in processes of their own, and a server that is killed while it writes."""

import http.client
import json
import multiprocessing
import random
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import closing, suppress

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, connections

from access.permissions import Role
from events.services import PreconditionFailed, StreamKey, read_position
from features.planning import INHERIT, Locked
from features.services import (
    IfMatch,
    get_features,
    lock_feature,
    overrides_of,
    reset_features,
    set_features,
    unlock_feature,
)
from tenancy.models import System
from tenancy.references import find_by_reference
from tenancy.services import create_user
from tests.factories import BY, change_feature, make_cast, make_feature, make_holder, token_for
from tests.replay import read_overrides, replay_events
from tests.server import find_free_port, kill, serve

pytestmark = [
    pytest.mark.django_db(transaction=True),
    # These processes are made before any thread that could hold a lock.
    pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning"),
]

WRITERS = 8
ROUNDS = 6
INHERITED: list[object] = []


def run_together(work, *argument_lists):
    """Run the work once for each list of arguments, each in a process, beginning together.

    What fails in one fails here.
    """
    connections.close_all()  # a connection cannot be shared with a process
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(len(argument_lists), timeout=30)
    with ProcessPoolExecutor(len(argument_lists), context, begin, (barrier,)) as pool:
        futures = [pool.submit(work, *arguments) for arguments in argument_lists]
        for future in futures:
            future.result()


def begin(barrier):
    """Begin with a connection of the process's own, together with the others.

    After the browser tests an event loop is running, where close_all() reaches another connection
    than the one in use. It is kept from being closed here, which would close the parent's.
    """
    INHERITED.append(connection.connection)
    connection.connection = None
    barrier.wait()


def own_values(owner):
    return {definition.key: stored.value for definition, stored in overrides_of(owner).items()}


def write_shared_and_own(number):
    shared, own = find_by_reference("organization:acme"), find_by_reference(f"user:w{number}")
    for turn in range(1, ROUNDS + 1):
        set_features(shared, {f"field_{number}": turn, "all": number * 100 + turn}, **BY)
        set_features(own, {f"field_{number}": turn}, **BY)


def test_set_features__eight_processes__lose_nothing_and_undo_nobody():
    cast = make_cast()
    make_feature("all", "integer", default=0)
    for number in range(WRITERS):
        make_feature(f"field_{number}", "integer", default=0)
        create_user(cast.acme, f"w{number}", public_id=f"w{number}")

    run_together(write_shared_and_own, *[[number] for number in range(WRITERS)])

    values = own_values(cast.acme)
    last = values.pop("all")
    assert values == {f"field_{number}": ROUNDS for number in range(WRITERS)}
    assert last in {number * 100 + ROUNDS for number in range(WRITERS)}
    assert read_position(StreamKey.of(cast.acme)).sequence == WRITERS * ROUNDS * 2
    for number in range(WRITERS):
        own = find_by_reference(f"user:w{number}")
        assert read_position(StreamKey.of(own)).sequence == ROUNDS
    assert replay_events() == read_overrides()


def change_at_random(seed):
    chance = random.Random(seed)
    owners = [find_by_reference(text) for text in ("system", "instance:main", "organization:acme")]
    for _ in range(ROUNDS * 2):
        owner = chance.choice(owners)
        feature = chance.choice(["actions", "user_schema"])
        match chance.randrange(5):
            case 0:
                reset_features(owner, **BY)
            case 1 if feature in own_values(owner):
                change_lock(owner, feature, chance.choice([lock_feature, unlock_feature]))
            case 2:
                change(owner, {feature: INHERIT, "login_v2": {"required": True}})
            case _:
                change(owner, {feature: chance.random() < 0.5, "login_v2": INHERIT})


def change(owner, changes):
    with suppress(Locked):  # somebody locked it above: a right answer
        set_features(owner, changes, **BY)


def change_lock(owner, feature, work):
    with suppress(Locked, ValidationError):  # or somebody took it away meanwhile
        work(owner, feature, **BY)


def test_changes_of_every_sort__eight_processes__have_a_history_that_explains_them():
    make_cast()

    run_together(change_at_random, *[[seed] for seed in range(WRITERS)])

    assert replay_events() == read_overrides()
    assert read_position(StreamKey.of(System())).sequence > 0


def count_up(turns):
    owner = find_by_reference("user:bob")
    while turns:
        features = get_features(owner)
        value = next(v.effective.value for v in features.values if v.definition.key == "counter")
        seen = IfMatch(frozenset({features.details.position.sequence}))
        try:
            set_features(owner, {"counter": value + 1}, if_match=seen, **BY)
        except PreconditionFailed:
            continue
        turns -= 1


def test_if_match__four_processes_counting__lose_no_count():
    cast = make_cast()
    make_feature("counter", "integer", default=0)

    run_together(count_up, *[[5]] * 4)

    assert own_values(cast.bob) == {"counter": 20}
    assert replay_events() == read_overrides()


def test_definitions__changed_in_another_process__are_seen_at_the_next_read():
    cast = make_cast()
    before = get_features(cast.bob).values[0]

    run_together(make_login_default_org_default, [])

    after = get_features(cast.bob).values[0]
    assert before.definition.key == after.definition.key == "login_default_org"
    assert (before.effective.value, after.effective.value) == (False, True)


def make_login_default_org_default():
    change_feature("login_default_org", default=True)


def put_until_refused(port, token, number, answered):
    """Change a user's features again and again; return the last sequence that was answered."""
    last = 0
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as client:
        for turn in range(100_000):
            body = json.dumps({"actions": turn % 2 == 0, "userSchema": turn % 3 == 0})
            path = f"/v2/features/user/w{number % 2}"
            try:
                client.request("PUT", path, body, {"Authorization": f"Bearer {token}"})
                response = client.getresponse()
                answer = json.loads(response.read())
            except (OSError, http.client.HTTPException):
                return last
            assert response.status == 200, answer
            last = int(answer["details"]["sequence"])
            answered.release()
    return last


def test_server__killed_while_writing__keeps_each_change_with_its_event():
    cast = make_cast("127.0.0.1")
    for number in range(2):
        create_user(cast.acme, f"w{number}", public_id=f"w{number}")
    token = token_for(make_holder(Role.IAM_OWNER, cast.instance))
    answered = threading.Semaphore(0)
    port = find_free_port()

    with serve(port) as process, ThreadPoolExecutor(4) as pool:
        writers = [pool.submit(put_until_refused, port, token, n, answered) for n in range(4)]
        enough = all(answered.acquire(timeout=30) for _ in range(40))
        kill(process)
        last = [writer.result() for writer in writers]

    with serve(port), closing(http.client.HTTPConnection("127.0.0.1", port)) as client:
        headers = {"Authorization": f"Bearer {token}"}
        client.request("GET", "/v2/features/user/w0?inheritance=true", headers=headers)
        details = json.loads(client.getresponse().read())["details"]
    assert enough
    assert replay_events() == read_overrides()
    assert int(details["sequence"]) >= max(last[0], last[2])
    assert read_position(StreamKey("user", "main", "w1")).sequence >= max(last[1], last[3])
