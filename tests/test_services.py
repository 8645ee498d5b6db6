"""The one door to feature settings: what a change touches, records, refuses and costs."""

from datetime import UTC, datetime

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from config.errors import describe
from events.models import Event, Surface
from events.services import Author, Conflict, Origin, PreconditionFailed, StreamKey, read_position
from features import services
from features.definitions import UnknownFeature
from features.models import OVERRIDES, Feature
from features.planning import INHERIT, Locked, NoChanges
from features.resolution import Effective
from features.services import (
    IfMatch,
    NothingSet,
    explain,
    get_features,
    lock_feature,
    overrides_of,
    reset_features,
    set_features,
    unlock_feature,
)
from tenancy.levels import OWNED_LEVELS, Level
from tenancy.models import System
from tenancy.revision import touch_revision
from tenancy.services import find_owner
from tests.factories import BY, change_feature, make_cast, make_feature

pytestmark = pytest.mark.django_db

PAIRS = [(above, below) for above in OWNED_LEVELS for below in OWNED_LEVELS if above < below]
LEVEL_IDS = {Level.ORGANIZATION: "acme", Level.USER: "bob"}


@pytest.fixture
def cast():
    return make_cast()


@pytest.fixture
def owner_at(cast):
    """Return the owner at a level as a surface finds it: the system, main, acme or bob."""
    return lambda level: find_owner(cast.instance, level, LEVEL_IDS.get(level, ""))


@pytest.fixture(params=OWNED_LEVELS, ids=lambda level: level.label)
def owner(request, owner_at):
    return owner_at(request.param)


def events_of(owner):
    key = StreamKey.of(owner)
    return list(
        Event.objects.filter(
            stream__kind=key.kind, stream__instance=key.instance, stream__owner=key.owner
        ).order_by("sequence")
    )


def own_values(owner):
    return {definition.key: stored.value for definition, stored in overrides_of(owner).items()}


def make_features(start, count):
    Feature.objects.bulk_create(
        Feature(key=f"{start}_{n}", json_name=f"{start}{n}", kind="boolean", default=False)
        for n in range(count)
    )
    touch_revision()


def effective(owner, feature):
    values = {v.definition.key: v.effective for v in get_features(owner).values}
    return values[feature]


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


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        (IfMatch(frozenset({1})), True),
        (IfMatch(frozenset({0, 1, 7})), True),
        (IfMatch(any_event=True), True),
        (IfMatch(frozenset({0})), False),
        (IfMatch(frozenset({2})), False),
        (IfMatch(), False),
    ],
)
@pytest.mark.parametrize("changes", [{"actions": False}, {"actions": True}, None])
def test_if_match__owner_with_one_event__decides(owner_at, condition, holds, changes):
    owner = owner_at(Level.ORGANIZATION)
    set_features(owner, {"actions": True}, **BY)

    def change():
        if changes is None:
            return reset_features(owner, if_match=condition, **BY)
        return set_features(owner, changes, if_match=condition, **BY)

    if holds:
        assert change().position.sequence in {1, 2}
    else:
        with pytest.raises(PreconditionFailed, match="the sequence is 1"):
            change()
        assert own_values(owner) == {"actions": True}


def test_if_match__owner_without_events__stands_at_zero(owner):
    with pytest.raises(PreconditionFailed):
        set_features(owner, {"actions": True}, if_match=IfMatch(any_event=True), **BY)

    details = set_features(owner, {"actions": True}, if_match=IfMatch(frozenset({0})), **BY)

    assert details.position.sequence == 1


@pytest.fixture
def write_between(monkeypatch):
    """Return a way to let somebody else write once between a change's plan and its application."""

    def arrange(write):
        apply_plan = services.apply_plan

        def interrupted(plan, **options):
            monkeypatch.setattr(services, "apply_plan", apply_plan)
            write()
            return services.apply_plan(plan, **options)

        monkeypatch.setattr(services, "apply_plan", interrupted)

    return arrange


def test_set_features__another_field_written_meanwhile__keeps_both(owner, write_between):
    write_between(lambda: set_features(owner, {"actions": True}, **BY))

    details = set_features(owner, {"user_schema": True}, **BY)

    assert own_values(owner) == {"actions": True, "user_schema": True}
    assert details.position.sequence == 2


def test_set_features__same_field_written_meanwhile__wins_and_knows_what_was(owner, write_between):
    write_between(lambda: set_features(owner, {"actions": True}, **BY))

    set_features(owner, {"actions": False}, **BY)

    assert [(e.before, e.after) for e in events_of(owner)] == [(None, True), (True, False)]


def test_set_features__same_value_written_meanwhile__records_it_once(owner, write_between):
    write_between(lambda: set_features(owner, {"actions": True}, **BY))

    details = set_features(owner, {"actions": True}, **BY)

    assert details.position.sequence == len(events_of(owner)) == 1


def test_reset_features__another_field_written_meanwhile__removes_it_too(owner, write_between):
    set_features(owner, {"actions": True}, **BY)
    write_between(lambda: set_features(owner, {"user_schema": True}, **BY))

    reset_features(owner, **BY)

    assert own_values(owner) == {}
    assert len(events_of(owner)) == 4


def test_if_match__owner_moved_meanwhile__is_refused(owner, write_between):
    write_between(lambda: set_features(owner, {"actions": True}, **BY))

    with pytest.raises(PreconditionFailed):
        set_features(owner, {"user_schema": True}, if_match=IfMatch(frozenset({0})), **BY)

    assert own_values(owner) == {"actions": True}


@pytest.mark.django_db(transaction=True)
def test_set_features__owner_deleted_while_a_transaction_goes_on__is_a_conflict_at_its_end(cast):
    type(cast.bob).objects.filter(pk=cast.bob.pk).delete()

    with pytest.raises((IntegrityError, Conflict)) as raised, transaction.atomic():
        set_features(cast.bob, {"actions": True}, **BY)

    assert describe(raised.value).status == 409


@pytest.mark.django_db(transaction=True)
def test_set_features__owner_deleted_meanwhile__is_a_conflict(write_between):
    bob = make_cast().bob
    write_between(lambda: type(bob).objects.filter(pk=bob.pk).delete())

    with pytest.raises(Conflict, match="has been removed meanwhile"):
        set_features(bob, {"actions": True}, **BY)

    assert events_of(bob) == []


def test_get_features__many_features__is_one_query(owner, django_assert_num_queries):
    make_features("custom", 100)
    set_features(owner, {f"custom_{number}": True for number in range(50)}, **BY)
    get_features(owner)

    with django_assert_num_queries(1):
        features = get_features(owner)

    assert len([v for v in features.values if v.effective.value is True]) == 50


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
