"""What counts for an owner and why: reading features, their details and explanations."""

from datetime import UTC, datetime

import pytest
from django.db import transaction

from features.definitions import UnknownFeature
from features.resolution import Effective
from features.services import (
    NothingSet,
    explain,
    get_features,
    lock_feature,
    reset_features,
    set_features,
)
from tenancy.levels import OWNED_LEVELS, Level
from tenancy.models import System
from tests.factories import BY, change_feature, make_feature
from tests.feature_owners import effective, events_of, make_features, own_values

pytestmark = pytest.mark.django_db


@pytest.fixture(params=OWNED_LEVELS, ids=lambda level: level.label)
def owner(request, owner_at):
    return owner_at(request.param)


def test_get_features__disabled__gives_the_default_and_keeps_the_override(owner):
    set_features(owner, {"actions": True}, **BY)

    change_feature("actions", enabled=False)
    while_disabled = effective(owner, "actions")
    change_feature("actions", enabled=True)

    assert while_disabled == Effective(False, Level.DEFAULT)
    assert effective(owner, "actions") == Effective(True, owner.level)


def test_get_features__archived__leaves_it_out_until_it_comes_back(owner):
    set_features(owner, {"actions": True}, **BY)
    change_feature("actions", archived_at=datetime(2026, 1, 1, tzinfo=UTC))

    keys = {value.definition.key for value in get_features(owner).values}
    with pytest.raises(UnknownFeature):
        set_features(owner, {"actions": False}, **BY)
    with pytest.raises(NothingSet):
        get_features(owner, inheritance=False)
    change_feature("actions", archived_at=None)

    assert "actions" not in keys
    assert own_values(owner) == {"actions": True}


def test_get_features__level_no_longer_allowed__ignores_what_is_set_there(owner):
    set_features(owner, {"actions": True}, **BY)

    change_feature("actions", levels=[level for level in OWNED_LEVELS if level != owner.level])

    with pytest.raises(NothingSet):
        get_features(owner, inheritance=False)
    assert own_values(owner) == {"actions": True}
    reset_features(owner, **BY)
    assert own_values(owner) == {}


@pytest.mark.parametrize("level", OWNED_LEVELS)
def test_get_features__feature_of_some_levels__is_shown_where_a_value_can_arrive(owner_at, level):
    make_feature("custom", levels=[Level.INSTANCE, Level.USER])

    keys = {value.definition.key for value in get_features(owner_at(level)).values}

    assert ("custom" in keys) == (level is not Level.SYSTEM)


def test_get_features__without_inheritance__gives_own_overrides_alone(owner, owner_at):
    set_features(owner, {"actions": False}, **BY)
    if owner.level is not Level.SYSTEM:
        set_features(System(), {"user_schema": True}, **BY)

    own = get_features(owner, inheritance=False)

    assert [(v.definition.key, v.effective) for v in own.values] == [
        ("actions", Effective(False, owner.level))
    ]


def test_get_features__nothing_set__is_an_error_only_without_inheritance(owner):
    with pytest.raises(NothingSet):
        get_features(owner, inheritance=False)

    features = get_features(owner)

    assert {value.effective.source for value in features.values} == {Level.DEFAULT}
    assert (features.details.position.sequence, features.details.position.created_at) == (0, None)


def test_details__of_each_level__name_the_resource_owner(owner_at):
    resource_owners = [get_features(owner_at(level)).details for level in OWNED_LEVELS]

    assert [d.resource_owner for d in resource_owners] == ["SYSTEM", "main", "acme", "acme"]


def test_details__many_changes_and_a_reset__count_on(owner):
    first = set_features(owner, {"actions": True, "user_schema": True}, **BY).position
    reset = reset_features(owner, **BY).position
    last = set_features(owner, {"actions": True}, **BY).position

    assert [first.sequence, reset.sequence, last.sequence] == [2, 4, 5]
    assert [event.sequence for event in events_of(owner)] == [1, 2, 3, 4, 5]
    assert first.created_at == reset.created_at == last.created_at == first.changed_at
    assert [e.created_at for e in events_of(owner)] == sorted(
        e.created_at for e in events_of(owner)
    )


def test_details__owner_deleted_and_back_with_its_id__count_on(cast):
    set_features(cast.bob, {"actions": True, "user_schema": True}, **BY)
    cast.bob.delete()

    bob = type(cast.bob)(
        instance=cast.instance, organization=cast.acme, username="bob", public_id="bob"
    )
    bob.save()
    position = set_features(bob, {"actions": True}, **BY).position

    assert own_values(bob) == {"actions": True}
    assert position.sequence == 3


def test_explain__four_levels__shows_each_and_marks_the_winner(owner_at, cast):
    set_features(System(), {"actions": True}, **BY)
    set_features(cast.acme, {"actions": False}, **BY)

    explanation = explain(owner_at(Level.USER), "actions")

    assert explanation.effective == Effective(False, Level.ORGANIZATION)
    assert [(level.level.label, level.value, level.is_winner) for level in explanation.levels] == [
        ("default", False, False),
        ("system", True, False),
        ("instance", None, False),
        ("organization", False, True),
        ("user", None, False),
    ]
    assert explanation.levels[3].owner == cast.acme
    assert explanation.levels[3].changed_at == events_of(cast.acme)[0].created_at


def test_explain__locked_or_disabled__agrees_with_get_features(owner_at, owner):
    bob = owner_at(Level.USER)
    set_features(bob, {"actions": False}, **BY)
    set_features(owner, {"actions": True}, **BY)
    lock_feature(owner, "actions", **BY)

    locked = explain(bob, "actions").effective
    in_list = effective(bob, "actions")
    change_feature("actions", enabled=False)

    assert locked == in_list == Effective(True, owner.level, owner.level)
    winner = next(level for level in explain(bob, "actions").levels if level.is_winner)
    assert winner.level is Level.DEFAULT


def test_get_features__many_features__is_one_query(owner, django_assert_num_queries):
    make_features("custom", 100)
    set_features(owner, {f"custom_{number}": True for number in range(50)}, **BY)
    get_features(owner)

    with django_assert_num_queries(1):
        features = get_features(owner)

    assert len([v for v in features.values if v.effective.value is True]) == 50


def test_definitions__changed_elsewhere__are_seen_at_the_next_read(owner):
    get_features(owner)

    make_feature("custom", default=True)

    assert effective(owner, "custom") == Effective(True, Level.DEFAULT)


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "colour"},
        {"options": {"minimum": 1}},
        {"kind": "object", "options": {"schema": {"type": "object", "$ref": "https://a.example"}}},
        {"levels": [5]},
        {"levels": 7},
        {"stage": "finished"},
    ],
)
def test_definitions__row_that_is_not_understood__is_left_out_alone(cast, fields, caplog):
    make_feature("custom", **fields)

    keys = {value.definition.key for value in get_features(cast.acme).values}

    assert "actions" in keys
    assert "custom" not in keys
    assert "the feature custom is left out" in caplog.text


def test_definitions__change_rolled_back__leave_no_trace(owner):
    get_features(owner)

    with transaction.atomic():
        change_feature("actions", default=True)
        inside = effective(owner, "actions")
        transaction.set_rollback(True)

    assert inside == Effective(True, Level.DEFAULT)
    assert effective(owner, "actions") == Effective(False, Level.DEFAULT)
