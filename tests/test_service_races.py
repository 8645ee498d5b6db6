"""Changing feature settings while somebody else does: conditions, conflicts, nothing lost."""

import pytest
from django.db import IntegrityError, transaction

from config.errors import describe
from events.services import Conflict, PreconditionFailed
from features import services
from features.services import (
    IfMatch,
    reset_features,
    set_features,
)
from tenancy.levels import OWNED_LEVELS, Level
from tests.factories import BY, make_cast
from tests.feature_owners import events_of, own_values

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast():
    return make_cast()


@pytest.fixture(params=OWNED_LEVELS, ids=lambda level: level.label)
def owner(request, owner_at):
    return owner_at(request.param)


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
