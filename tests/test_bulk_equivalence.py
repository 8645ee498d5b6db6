"""The set-based path leaves exactly what the one-owner service leaves, whatever is asked."""

import json
from contextlib import contextmanager
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from events.models import Event, Stream
from events.runs import new_run
from features.bulk.apply import Faulty, apply_at_once, apply_in_batches
from features.bulk.plan import plan_rows
from features.bulk.wanted import Action, Row, Wanted
from features.definitions import synchronise_builtins
from features.models import OVERRIDES, Feature, Stage
from features.planning import INHERIT, Locked
from features.services import lock_feature, set_features
from tenancy.models import System
from tests.factories import BY, ORIGIN, TESTER, make_cast

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "login_default_org": st.booleans(),
    "web_key": st.booleans(),  # may not be set at system level
    "improved_performance": st.sampled_from([[], ["IMPROVED_PERFORMANCE_PROJECT"]]),
    "login_v2": st.sampled_from([{"required": True}, {"required": False}]),
    "theme": st.sampled_from([{"b": 1, "a": 2}, {"a": 2, "b": 1}, {"a": [1.5, "é'\\\t"]}]),
    "old": st.booleans(),  # retired
    "off": st.booleans(),  # disabled
}
UNCOMPARED = {"id", "stream", "run", "created_at"}
OWNERS = ["system", "main", "acme", "globex", "alice", "carol"]

change_sets = st.dictionaries(
    st.sampled_from(OWNERS),
    st.fixed_dictionaries(
        {}, optional={key: st.one_of(st.just(INHERIT), v) for key, v in VALUES.items()}
    ).filter(bool),
    min_size=1,
)
locks = st.lists(st.tuples(st.sampled_from(OWNERS), st.sampled_from(sorted(VALUES))), max_size=4)


@contextmanager
def taken_back():
    """Undo in the database what is done inside."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.fixture
def owners(db):
    cast = make_cast()
    common = {"name": "x", "default": False, "kind": "boolean"}
    Feature.objects.create(key="old", json_name="old", **common, stage=Stage.RETIRED)
    Feature.objects.create(key="off", json_name="off", **common, enabled=False)
    Feature.objects.create(
        key="theme",
        json_name="theme",
        **common | {"kind": "object", "default": {}, "options": {"schema": {"type": "object"}}},
    )
    synchronise_builtins()
    found = (System(), cast.instance, cast.acme, cast.globex, cast.alice, cast.carol)
    return dict(zip(OWNERS, found, strict=True))


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(before=change_sets, locks=locks, after=change_sets, batch_size=st.sampled_from([0, 1, 3]))
def test_bulk__any_change_sets__leaves_what_the_service_leaves(
    owners, before, locks, after, batch_size
):
    with taken_back():
        prepare(owners, before, locks)

        one_by_one = state_after(lambda: change_one_by_one(owners, after))
        at_once = state_after(lambda: change_at_once(owners, after, batch_size))

        assert at_once == one_by_one


def prepare(owners, change_sets, locks):
    for name, changes in change_sets.items():
        for key, value in changes.items():
            try:
                set_features(owners[name], {key: value}, **BY)
            except (ValidationError, Locked):
                continue
    for name, key in locks:
        try:
            lock_feature(owners[name], key, **BY)
        except (ValidationError, Locked):  # not set there, or locked above already
            continue


def change_one_by_one(owners, change_sets):
    for name in OWNERS:
        if name in change_sets:
            set_features(owners[name], change_sets[name], **BY)


def change_at_once(owners, change_sets, batch_size):
    rows = [
        (owner, key, value)
        for owner, changes in change_sets.items()
        for key, value in changes.items()
    ]
    lines = [
        Row(
            line,
            owners[owner].level.label,
            owners[owner].reference,
            key,
            "inherit" if value is INHERIT else json.dumps(value),
        )
        for line, (owner, key, value) in enumerate(rows, start=1)
    ]
    with plan_rows(lines, interpret) as plan:
        run = new_run("bulk", actor=TESTER, origin=ORIGIN, batch_size=batch_size)
        if batch_size:
            list(apply_in_batches(plan, run, **BY))
        else:
            apply_at_once(plan, run, **BY)


def interpret(definition, text):
    if text == "inherit":
        return Wanted(Action.INHERIT)
    return Wanted(Action.SET, definition.kind.parse(json.loads(text)))


def state_after(change):
    """Return what a change leaves, or that it was refused; it is taken back."""
    with taken_back():
        try:
            with transaction.atomic():
                change()
        except (ValidationError, Locked, Faulty):
            return "refused"
        return read_state()


def read_state():
    """Return all overrides, events in order and sequences."""
    tables: dict[Any, Any] = OVERRIDES  # the owner's foreign key differs by table
    overrides = [
        (level, *row)
        for level, model in tables.items()
        for row in model.objects.order_by("owner", "feature").values_list(
            "owner", "feature__key", "value", "locked", *(place.label for place in model.places)
        )
    ]
    columns = [f.name for f in Event._meta.concrete_fields if f.name not in UNCOMPARED]
    events = list(Event.objects.order_by("id").values_list("stream__owner", *columns))
    streams = Stream.objects.filter(sequence__gt=0).order_by("kind", "instance", "owner")
    return overrides, events, list(streams.values_list("kind", "instance", "owner", "sequence"))
