"""Who may what: roles, tokens, and what the database itself refuses."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from access.actors import Actor, actor_for
from access.authentication import find_token
from access.models import AccessToken, Membership
from access.permissions import Action, Permission, Resource, Role
from access.policy import (
    MissingPermission,
    UnknownOwner,
    allows,
    may_read_features,
    require,
    require_on_features,
)
from access.services import grant_role, issue_token, revoke_role, revoke_token
from events.models import Event
from features.models import Feature, InstanceOverride, OrganizationOverride, UserOverride
from tenancy.levels import Level
from tenancy.models import System, User
from tenancy.services import create_instance, create_organization, create_user
from tests.factories import BY, make_cast, make_holder, token_for

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


def find(text):
    return find_token(text, address="192.0.2.1")


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


def test_find_token__valid__gives_the_actor_in_one_query(cast, django_assert_num_queries):
    grant_role(cast.bob, Role.ORG_OWNER, cast.acme, **BY)
    grant_role(cast.bob, Role.ORG_OWNER_VIEWER, cast.globex, **BY)
    text = token_for(cast.bob)
    AccessToken.objects.update(last_used_at=timezone.now())

    with django_assert_num_queries(1):
        found = find(text)

    assert found
    actor = found[0]
    assert (actor.type, actor.id, actor.user) == ("user", "bob", cast.bob)
    assert (letters(actor, cast.acme), letters(actor, cast.globex)) == ("rwd", "r")


def test_find_token__first_use__is_remembered(cast):
    text = token_for(cast.bob)

    find(text)

    assert AccessToken.objects.get().last_used_at is not None


def test_find_token__some_permissions__are_the_most_it_may(cast):
    text = token_for(cast.alice, permissions=["org.feature.read", "iam.feature.write"])

    found = find(text)

    assert found
    actor = found[0]
    assert letters(actor, cast.acme) == "r"
    assert letters(actor, cast.bob) == letters(actor, cast.instance) == ""


def test_find_token__no_permissions__may_nothing_but_what_every_user_may(cast):
    found = find(token_for(cast.alice, permissions=[]))

    assert found
    assert letters(found[0], cast.acme) == ""
    assert may_read_features(found[0], cast.acme, effective=True)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda token, user: AccessToken.objects.update(expires_at=timezone.now()),
        lambda token, user: User.objects.filter(pk=user.pk).update(is_active=False),
        lambda token, user: revoke_token(token, **BY),
        lambda token, user: user.delete(),
    ],
    ids=["expired", "inactive user", "revoked", "user gone"],
)
def test_find_token__no_longer_valid__finds_nobody(cast, spoil):
    issued = issue_token(cast.bob, **BY)

    spoil(issued.row, cast.bob)

    assert find(issued.text) is None


@pytest.mark.parametrize(
    "change",
    [
        str.upper,
        lambda text: text[:-1],
        lambda text: text + "x",
        lambda text: f" {text}",
        lambda text: "",
        lambda text: text + "\x00",
        lambda text: "ÿ" * 10_000,
        lambda text: AccessToken.objects.get().digest,
        lambda text: AccessToken.objects.get().prefix,
    ],
)
def test_find_token__malformed__finds_nobody(cast, change):
    text = token_for(cast.bob)

    assert find(change(text)) is None


def test_issue_token__text__is_stored_nowhere(cast):
    issued = issue_token(cast.bob, description="a script", **BY)
    revoke_token(issue_token(cast.bob, **BY).row, **BY)
    secret = issued.text.removeprefix(issued.row.prefix)

    found = []
    for model in apps.get_models():
        for row in model._default_manager.values():
            found += [(model, row)] if secret in json.dumps(row, default=str) else []

    assert found == []
    assert issued.text.startswith("strata_")
    assert len(secret) >= 30


@pytest.mark.parametrize("days", [0, -1, 366])
def test_issue_token__lifetime_out_of_range__is_refused(cast, days):
    with pytest.raises(ValidationError, match="must be from 1 to 365"):
        issue_token(cast.bob, lifetime=timedelta(days=days), **BY)


@pytest.mark.parametrize("name", ["", "org.feature", "org.feature.fly", "nothing.read", "*"])
def test_issue_token__permission_that_is_none__is_refused(cast, name):
    with pytest.raises(ValidationError, match="there is no permission"):
        issue_token(cast.bob, permissions=["org.feature.read", name], **BY)

    assert not AccessToken.objects.exists()


def test_revoke_token__twice__is_recorded_once(cast):
    issued = issue_token(cast.bob, **BY)

    for _ in range(2):
        revoke_token(issued.row, **BY)

    types = Event.objects.filter(stream__kind="token").order_by("id").values_list("type", flat=True)
    assert list(types) == ["tokens.issued", "tokens.revoked"]


def refused_by_the_database(write):
    """Whether the database refuses a write, at the latest when the transaction would end."""
    try:
        with transaction.atomic():
            write()
            connection.check_constraints()
    except IntegrityError:
        return True
    return False


def override(model, **fields):
    fields = {"feature_id": Feature.objects.get(key="actions").pk, "value": True} | fields
    return lambda: model.objects.create(changed_at=timezone.now(), **fields)


REFUSED_BY_THE_DATABASE = {
    "an organization's role on nothing": lambda c: Membership.objects.create(
        user=c.bob, role="ORG_OWNER"
    ),
    "an organization's role on an instance": lambda c: Membership.objects.create(
        user=c.bob, role="ORG_OWNER", instance=c.instance
    ),
    "an instance's role on an organization": lambda c: Membership.objects.create(
        user=c.bob, role="IAM_OWNER", organization=c.acme
    ),
    "a system role on an instance": lambda c: Membership.objects.create(
        user=c.bob, role="SYSTEM_OWNER", instance=c.instance
    ),
    "a role on two": lambda c: Membership.objects.create(
        user=c.bob, role="ORG_OWNER", instance=c.instance, organization=c.acme
    ),
    "an unknown role": lambda c: Membership.objects.create(user=c.bob, role="KING"),
    "the same role twice": lambda c: [
        Membership.objects.create(user=c.bob, role="SYSTEM_OWNER") for _ in range(2)
    ],
    "a user of an instance alone": lambda c: User.objects.filter(pk=c.bob.pk).update(
        organization=None
    ),
    "a user of an organization alone": lambda c: User.objects.filter(pk=c.bob.pk).update(
        instance=None
    ),
    "two users of one id": lambda c: User.objects.filter(pk=c.bob.pk).update(public_id="carol"),
    "two users of one name": lambda c: User.objects.filter(pk=c.bob.pk).update(username="carol"),
    "two operators of one name": lambda c: User.objects.create(username="root"),
    "two operators of one id": lambda c: User.objects.create(username="x", public_id="root"),
    "a second system": lambda c: System.objects.create(pk=2),
    "a token of nobody": lambda c: AccessToken.objects.create(
        digest="0", prefix="x", expires_at=timezone.now()
    ),
    "an override of no user": lambda c: override(UserOverride, owner_id=10**9)(),
    "an override of no organization": lambda c: override(OrganizationOverride, owner_id=10**9)(),
    "an override of no instance": lambda c: override(InstanceOverride, owner_id=10**9)(),
    "an override of no feature": lambda c: override(
        UserOverride, owner_id=c.bob.pk, feature_id=10**9
    )(),
    "two overrides of one feature": lambda c: [
        override(UserOverride, owner_id=c.bob.pk)() for _ in range(2)
    ],
}


@pytest.mark.parametrize("write", REFUSED_BY_THE_DATABASE.values(), ids=REFUSED_BY_THE_DATABASE)
def test_database__write_that_fits_nothing__is_refused(cast, write):
    assert refused_by_the_database(lambda: write(cast))


def test_database__writes_that_fit__are_taken(cast):
    assert not refused_by_the_database(override(UserOverride, owner_id=cast.bob.pk))
    assert not refused_by_the_database(
        lambda: Membership.objects.create(user=cast.bob, role="SYSTEM_OWNER")
    )
    assert not refused_by_the_database(
        lambda: create_user(cast.globex, "bob-of-globex", public_id="bob2")
    )
