"""The one door to feature settings: what a change touches, records, refuses and costs."""

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext

from events.models import Surface
from events.services import Author, Origin, StreamKey, read_position
from features.definitions import UnknownFeature
from features.models import OVERRIDES
from features.planning import INHERIT, Locked, NoChanges
from features.resolution import Effective
from features.services import (
    get_features,
    lock_feature,
    overrides_of,
    reset_features,
    set_features,
    unlock_feature,
)
from tenancy.levels import OWNED_LEVELS, Level
from tenancy.models import System
from tests.factories import BY, change_feature, make_feature
from tests.feature_owners import effective, events_of, make_features, own_values

pytestmark = pytest.mark.django_db


PAIRS = [(above, below) for above in OWNED_LEVELS for below in OWNED_LEVELS if above < below]


@pytest.fixture(params=OWNED_LEVELS, ids=lambda level: level.label)
def owner(request, owner_at):
    return owner_at(request.param)


def test_set_features__some_named__touches_only_these(owner, owner_at):
    set_features(owner, {"actions": True, "user_schema": True}, **BY)
    untouched = OVERRIDES[owner.level]._default_manager.values().get(feature__key="actions")

    set_features(owner, {"user_schema": False, "oidc_token_exchange": True}, **BY)

    assert own_values(owner) == {"actions": True, "user_schema": False, "oidc_token_exchange": True}
    assert OVERRIDES[owner.level]._default_manager.values().get(feature__key="actions") == untouched
    others = [owner_at(level) for level in OWNED_LEVELS if level is not owner.level]
    assert [own_values(other) for other in others] == [{}, {}, {}]


def test_set_features__value_set__counts_with_its_level_as_source(owner):
    set_features(owner, {"actions": True}, **BY)

    assert effective(owner, "actions") == Effective(True, owner.level)


def test_set_features__json_names__mean_the_same_features(owner):
    set_features(owner, {"oidcTokenExchange": True}, **BY)

    assert own_values(owner) == {"oidc_token_exchange": True}


def test_set_features__values_that_hold__record_nothing(owner):
    changes = {"actions": True, "login_v2": {"required": True, "base_uri": "https://a.example"}}
    details = set_features(owner, changes, **BY)

    again = set_features(
        owner,
        {"login_v2": {"base_uri": "https://a.example", "required": True}, "actions": True},
        **BY,
    )

    assert again == details
    assert len(events_of(owner)) == 2


def test_set_features__one_of_two_holds__records_the_other(owner):
    set_features(owner, {"actions": True}, **BY)

    set_features(owner, {"actions": True, "user_schema": True}, **BY)

    assert [event.subject for event in events_of(owner)] == ["actions", "user_schema"]


@pytest.mark.parametrize(("before", "after"), [(1, True), (0, False), ([1], [True])])
def test_set_features__value_that_python_thinks_equal__is_a_change(owner, before, after):
    make_feature("custom", "object", default={})
    set_features(owner, {"custom": {"a": before}}, **BY)

    set_features(owner, {"custom": {"a": after}}, **BY)

    assert len(events_of(owner)) == 2
    assert repr(own_values(owner)["custom"]["a"]) == repr(after)


@pytest.mark.parametrize(
    ("kind", "default", "value"),
    [
        ("number", 0, 0.1),
        ("number", 0, 5e-324),
        ("number", 0, 9007199254740991),
        ("integer", 0, -9007199254740991),
        ("string", "", 'a"\\ \n\u0001\u2028🙂'),
        ("object", {}, {"b": [1, 2.5, None, True, {}], "a": {"": ""}}),
    ],
)
def test_set_features__any_stored_form__comes_back_as_it_was(owner, kind, default, value):
    definition = make_feature("custom", kind, default=default)

    details = set_features(owner, {"custom": value}, **BY)

    assert effective(owner, definition.key).value == value
    assert set_features(owner, {"custom": value}, **BY) == details


def test_set_features__inherit_where_nothing_is_set__changes_nothing(owner):
    details = set_features(owner, {"actions": INHERIT}, **BY)

    assert (details.position.sequence, details.position.changed_at) == (0, None)
    assert events_of(owner) == []


def test_set_features__inherit__removes_the_override_alone(owner):
    set_features(owner, {"actions": True, "user_schema": True}, **BY)

    set_features(owner, {"actions": INHERIT}, **BY)

    assert own_values(owner) == {"user_schema": True}
    assert effective(owner, "actions") == Effective(False, Level.DEFAULT)


@pytest.mark.parametrize(("above", "below"), PAIRS)
def test_set_features__locked_above__is_refused_and_writes_nothing(owner_at, above, below):
    set_features(owner_at(below), {"actions": False}, **BY)
    set_features(owner_at(above), {"actions": True}, **BY)
    lock_feature(owner_at(above), "actions", **BY)

    with pytest.raises(Locked, match=f"actions is locked at {above.label} level"):
        set_features(owner_at(below), {"user_schema": True, "actions": True}, **BY)

    assert own_values(owner_at(below)) == {"actions": False}
    assert len(events_of(owner_at(below))) == 1
    assert effective(owner_at(below), "actions") == Effective(True, above, above)


@pytest.mark.parametrize(("above", "below"), PAIRS)
def test_reset_features__locked_above__is_allowed(owner_at, above, below):
    set_features(owner_at(below), {"actions": False}, **BY)
    set_features(owner_at(above), {"actions": True}, **BY)
    lock_feature(owner_at(above), "actions", **BY)

    reset_features(owner_at(below), **BY)

    assert own_values(owner_at(below)) == {}


def test_set_features__inherit_below_a_lock__is_allowed(owner_at):
    bob = owner_at(Level.USER)
    set_features(bob, {"actions": False}, **BY)
    set_features(System(), {"actions": True}, **BY)
    lock_feature(System(), "actions", **BY)

    set_features(bob, {"actions": INHERIT}, **BY)

    assert own_values(bob) == {}


def test_set_features__locked_above_while_disabled__is_refused(owner_at):
    set_features(System(), {"actions": True}, **BY)
    lock_feature(System(), "actions", **BY)
    change_feature("actions", enabled=False)

    with pytest.raises(Locked):
        set_features(owner_at(Level.USER), {"actions": False}, **BY)


def test_set_features__locked_here__changes_the_value_and_keeps_the_lock(owner):
    set_features(owner, {"actions": True}, **BY)
    lock_feature(owner, "actions", **BY)

    set_features(owner, {"actions": False}, **BY)

    assert effective(owner, "actions") == Effective(False, owner.level, owner.level)
    last = events_of(owner)[-1]
    assert (last.type, last.locked_before, last.locked_after) == ("features.set", True, True)


def test_set_features__one_misplaced__names_it_and_writes_nothing(cast):
    changes = {"actions": True, "web_key": True, "console_use_v2_user_api": INHERIT}

    with pytest.raises(ValidationError) as raised:
        set_features(System(), changes, **BY)

    assert raised.value.message_dict == {
        key: ["may not be set at system level, only at: instance, organization, user"]
        for key in ("web_key", "console_use_v2_user_api")
    }
    assert own_values(System()) == {}
    assert read_position(StreamKey.of(System())).sequence == 0


def test_set_features__unknown_feature__names_the_nearest(owner):
    with pytest.raises(UnknownFeature, match='"acitons"; did you mean "actions"'):
        set_features(owner, {"user_schema": True, "acitons": True}, **BY)

    assert own_values(owner) == {}


def test_set_features__nothing_effective__is_no_changes(owner):
    change_feature("actions", stage="retired")

    for changes in ({}, {"actions": True}):
        with pytest.raises(NoChanges):
            set_features(owner, changes, **BY)


def test_set_features__retired_beside_another__is_accepted_and_does_nothing(owner):
    change_feature("actions", stage="retired")

    set_features(owner, {"actions": True, "user_schema": True}, **BY)

    assert own_values(owner) == {"user_schema": True}


def test_set_features__event__tells_the_whole_story(owner):
    author = Author("user", "42", "Alice")
    origin = Origin(
        surface=Surface.API,
        reason="because",
        request_id="r-1",
        address="::1",
        on_behalf_of=Author("user", "43", "Root"),
    )
    set_features(owner, {"improved_performance": []}, **BY)

    names = ["IMPROVED_PERFORMANCE_PROJECT"]
    details = set_features(owner, {"improved_performance": names}, actor=author, origin=origin)

    event = events_of(owner)[-1]
    assert (event.type, event.subject) == ("features.set", "improved_performance")
    assert (event.before, event.after) == ([], names)
    assert (event.actor_type, event.actor_id, event.actor_name) == ("user", "42", "Alice")
    assert (event.behalf_id, event.behalf_name) == ("43", "Root")
    assert (event.surface, event.reason, event.address) == ("api", "because", "::1")
    assert (event.request_id, event.run) == ("r-1", None)
    assert (event.sequence, event.created_at) == (2, details.position.changed_at)
    stored = OVERRIDES[owner.level]._default_manager.get()
    assert stored.changed_at == event.created_at


def test_features__set_changed_and_reset__leave_a_chain_of_events(owner):
    set_features(owner, {"actions": True}, **BY)
    set_features(owner, {"actions": False}, **BY)
    lock_feature(owner, "actions", **BY)
    unlock_feature(owner, "actions", **BY)
    reset_features(owner, **BY)

    assert [(e.type, e.before, e.after, e.locked_after) for e in events_of(owner)] == [
        ("features.set", None, True, False),
        ("features.set", True, False, False),
        ("features.lock", False, False, True),
        ("features.unlock", False, False, False),
        ("features.reset", False, None, False),
    ]


def test_reset_features__some_named__removes_these(owner):
    set_features(owner, {"actions": True, "user_schema": True}, **BY)

    details = reset_features(owner, features=["userSchema", "web_key"], **BY)

    assert own_values(owner) == {"actions": True}
    assert details.position.sequence == 3


def test_reset_features__nothing_set__records_nothing(owner):
    details = reset_features(owner, **BY)

    assert details.position.sequence == 0
    assert events_of(owner) == []


def test_lock_feature__not_set_here__says_what_to_do(owner):
    for change in (lock_feature, unlock_feature):
        with pytest.raises(ValidationError, match="set a value, then lock it"):
            change(owner, "actions", **BY)


def test_lock_feature__twice__records_once(owner):
    set_features(owner, {"actions": True}, **BY)

    details = lock_feature(owner, "actions", **BY)

    assert lock_feature(owner, "actions", **BY) == details
    assert details.position.sequence == 2


@pytest.mark.parametrize(("above", "below"), PAIRS)
def test_lock_feature__locked_above__is_refused_but_may_be_unlocked(owner_at, above, below):
    set_features(owner_at(below), {"actions": True, "user_schema": True}, **BY)
    lock_feature(owner_at(below), "actions", **BY)
    set_features(owner_at(above), {"actions": True, "user_schema": True}, **BY)
    lock_feature(owner_at(above), "actions", **BY)
    lock_feature(owner_at(above), "user_schema", **BY)

    with pytest.raises(Locked, match=f"userSchema is locked at {above.label} level"):
        lock_feature(owner_at(below), "user_schema", **BY)
    unlock_feature(owner_at(below), "actions", **BY)

    assert not any(stored.locked for stored in overrides_of(owner_at(below)).values())


def test_unlock_feature__locked__lets_the_levels_below_set_it_again(owner_at):
    set_features(System(), {"actions": True}, **BY)
    lock_feature(System(), "actions", **BY)

    unlock_feature(System(), "actions", **BY)
    set_features(owner_at(Level.USER), {"actions": False}, **BY)

    assert effective(owner_at(Level.USER), "actions") == Effective(False, Level.USER)


def test_set_features__one_or_forty_of_few_or_many__takes_the_same_statements(owner):
    def count(changes):
        get_features(owner)
        with CaptureQueriesContext(connection) as captured:
            set_features(owner, changes, **BY)
        return len(captured)

    one = count({"actions": True})
    make_features("custom", 100)
    one_of_many = count({"actions": False})
    forty = count({f"custom_{number}": True for number in range(40)})
    mixed = count({f"custom_{n}": INHERIT if n % 2 else False for n in range(40)})
    # SQLite takes 999 values in a statement, which is the events of 49 features.
    hundred = count({f"custom_{n}": bool(n % 2) for n in range(100)})

    assert one == one_of_many == forty == mixed - 1
    assert mixed <= 8
    assert hundred <= (one if connection.vendor == "postgresql" else one + 2)
