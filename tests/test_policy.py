"""Who may what: roles, and what each of them lets somebody read and write."""

import json
from pathlib import Path

import pytest
from django.core.exceptions import ValidationError

from access.actors import Actor, actor_for
from access.models import Membership
from access.permissions import Action, Permission, Resource, Role
from access.policy import (
    MissingPermission,
    UnknownOwner,
    allows,
    may_read_features,
    require,
    require_on_features,
)
from access.services import grant_role, revoke_role
from events.models import Event
from tenancy.levels import Level
from tenancy.models import System, User
from tenancy.services import create_instance, create_organization, create_user
from tests.factories import BY, make_cast, make_holder

pytestmark = pytest.mark.django_db


TABLE = json.loads((Path(__file__).parent / "cases/roles.json").read_text())


LETTERS = {Action.READ: "r", Action.WRITE: "w", Action.DELETE: "d"}


@pytest.fixture
def cast():
    return make_cast("main.example.com")


@pytest.fixture
def owners(cast):
    """Return every kind of owner by name: of the cast, and of another instance."""
    other = create_instance("Other", public_id="other", domains=["other.example.com"])
    other_acme = create_organization(other, "Acme", public_id="acme")
    return {
        "system": System(),
        "instance": cast.instance,
        "acme": cast.acme,
        "globex": cast.globex,
        "bob": cast.bob,
        "carol": cast.carol,
        "root": cast.root,
        "other": other,
        "other acme": other_acme,
        "other bob": create_user(other_acme, "bob", public_id="bob"),
    }


def held_on(role, owners):
    return {Level.SYSTEM: System(), Level.INSTANCE: owners["instance"]}.get(
        role.level, owners["acme"]
    )


def letters(actor, owner):
    return "".join(
        letter
        for action, letter in LETTERS.items()
        if allows(actor, Permission.on_features(owner.level, action), owner)
    )


@pytest.mark.parametrize("role", Role)
def test_allows__feature_permissions_of_each_role__are_the_table(role, owners):
    actor = actor_for(make_holder(role, held_on(role, owners)))

    allowed = {name: letters(actor, owner) for name, owner in owners.items()}

    assert {name: found for name, found in allowed.items() if found} == TABLE[role.value]


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        (Resource.POLICY, {"IAM_OWNER": "rwd", "IAM_OWNER_VIEWER": "r", "IAM_LOGIN_CLIENT": "r"}),
        (Resource.CLIENTS, {"IAM_OWNER": "rwd", "IAM_OWNER_VIEWER": "r"}),
    ],
)
def test_allows__instance_resources_of_each_role__are_the_table(role, resource, expected, owners):
    actor = actor_for(make_holder(role, held_on(role, owners)))

    found = {
        name: "".join(
            letter
            for action, letter in LETTERS.items()
            if allows(actor, Permission(resource, action), owners[name])
        )
        for name in ("instance", "other", "system")
    }

    assert found == {"instance": expected.get(role.value, ""), "other": "", "system": ""}


def test_allows__superuser__may_everything(cast, owners):
    actor = actor_for(cast.root)

    assert {letters(actor, owner) for owner in owners.values()} == {"rwd"}


def test_allows__several_roles__add_up(cast, owners):
    grant_role(cast.bob, Role.ORG_OWNER_VIEWER, cast.globex, **BY)
    grant_role(cast.bob, Role.ORG_SETTINGS_MANAGER, cast.acme, **BY)

    actor = actor_for(cast.bob)

    assert letters(actor, cast.globex) == "r"
    assert letters(actor, cast.acme) == "rwd"
    assert letters(actor, cast.bob) == ""


def test_require__permission_missing__is_named(cast):
    permission = Permission.on_features(Level.ORGANIZATION, Action.WRITE)

    with pytest.raises(MissingPermission, match=r"^missing permission org\.feature\.write$"):
        require(actor_for(cast.bob), permission, cast.acme)


@pytest.mark.parametrize("effective", [True, False])
def test_may_read_features__plain_user__reads_itself_and_what_is_above(cast, owners, effective):
    actor = actor_for(cast.bob)

    readable = {
        name
        for name, owner in owners.items()
        if may_read_features(actor, owner, effective=effective)
    }

    assert readable == {"system", "instance", "acme", "bob"}


@pytest.mark.parametrize("role", [None, Role.SYSTEM_OWNER_VIEWER])
def test_may_read_features__operator__reads_every_instance_and_nothing_below(owners, role):
    operator = User.objects.create_user("operator", public_id="operator")
    if role:
        grant_role(operator, role, System(), **BY)
    actor = actor_for(operator)

    readable = {
        name for name, owner in owners.items() if may_read_features(actor, owner, effective=True)
    }

    assert readable == {"system", "instance", "other"}


def test_may_read_features__without_a_user__takes_a_permission(owners):
    actor = Actor("client", "c", "c", instance=owners["instance"])

    assert not any(may_read_features(actor, o, effective=True) for o in owners.values())


@pytest.mark.parametrize("action", [Action.READ, Action.EFFECTIVE, Action.WRITE, Action.DELETE])
@pytest.mark.parametrize("level", [Level.ORGANIZATION, Level.USER])
def test_require_on_features__no_permission__says_the_same_whether_it_exists(cast, action, level):
    existing = cast.globex if level is Level.ORGANIZATION else cast.carol
    refusals = []
    for owner in (existing, None):
        with pytest.raises(MissingPermission) as raised:
            require_on_features(
                actor_for(cast.alice), action, owner, level=level, instance=cast.instance
            )
        refusals.append(str(raised.value))

    assert refusals[0] == refusals[1]


def test_require_on_features__unknown_owner__is_told_to_who_may_all_of_the_instance(cast):
    manager = actor_for(make_holder(Role.IAM_USER_MANAGER, cast.instance))

    with pytest.raises(UnknownOwner, match="user not found"):
        require_on_features(manager, Action.WRITE, None, level=Level.USER, instance=cast.instance)


def test_grant_role__twice__is_held_and_recorded_once(cast):
    membership = grant_role(cast.bob, Role.ORG_OWNER, cast.acme, **BY)

    assert grant_role(cast.bob, Role.ORG_OWNER, cast.acme, **BY) == membership
    assert Membership.objects.filter(user=cast.bob).count() == 1
    assert [e.type for e in Event.objects.filter(stream__owner="bob")] == ["roles.granted"]
    assert membership.owner == cast.acme


@pytest.mark.parametrize(
    ("role", "owner", "message"),
    [
        (Role.ORG_OWNER, "instance", "ORG_OWNER is held on the organization level"),
        (Role.IAM_OWNER, "acme", "IAM_OWNER is held on the instance level"),
        (Role.SYSTEM_OWNER, "instance", "SYSTEM_OWNER is held on the system level"),
        (Role.ORG_OWNER, "bob", "ORG_OWNER is held on the organization level"),
        (Role.IAM_OWNER, "other", "the user belongs to another instance"),
        (Role.ORG_OWNER, "other acme", "the user belongs to another instance"),
    ],
)
def test_grant_role__role_that_does_not_fit__is_refused(cast, owners, role, owner, message):
    with pytest.raises(ValidationError, match=message):
        grant_role(cast.bob, role, owners[owner], **BY)

    assert not Membership.objects.filter(user=cast.bob).exists()


def test_revoke_role__twice__is_recorded_once(cast):
    membership = grant_role(cast.bob, Role.ORG_OWNER, cast.acme, **BY)

    for _ in range(2):
        revoke_role(membership, **BY)

    assert letters(actor_for(cast.bob), cast.acme) == ""
    events = Event.objects.filter(stream__owner="bob", type="roles.revoked")
    assert [(event.subject, event.before) for event in events] == [
        ("ORG_OWNER", "organization:main/acme")
    ]
