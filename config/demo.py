"""The example data: one instance, two organizations, a holder of every kind of role, secrets."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from access.models import Membership
from access.permissions import Role
from access.services import grant_role, issue_token, revoke_role, revoke_token
from access.tenants import create_instance, create_organization, create_user, set_domains
from clients.catalogue import CLIENT_FEATURES
from clients.services import (
    IssuedClient,
    create_client,
    enable_client,
    rotate_secret,
    set_client_features,
    set_expiry,
    set_networks,
)
from events.services import Author, Origin, StreamKey, lock_stream
from features.planning import INHERIT, ChangeSet
from features.services import overrides_of, set_features, unlock_feature
from tenancy.identifiers import random_text
from tenancy.levels import Level
from tenancy.models import Instance, Organization, Owner, System, User

DOMAIN = "localhost"
DESCRIPTION = "demo"  # of its tokens and clients: by it the next run finds them
PASSWORD_LENGTH = 20

# Who there is: the organization they are in (None: an operator), and the role they hold, if any.
USERS: dict[str, tuple[str | None, Role | None]] = {
    "alice": ("acme", None),
    "bob": ("acme", None),
    "carol": ("globex", None),
    "system_owner": (None, Role.SYSTEM_OWNER),
    "iam_owner": ("acme", Role.IAM_OWNER),
    "iam_owner_viewer": ("acme", Role.IAM_OWNER_VIEWER),
    "org_owner": ("acme", Role.ORG_OWNER),
    "org_owner_viewer": ("acme", Role.ORG_OWNER_VIEWER),
    "login_client": ("acme", Role.IAM_LOGIN_CLIENT),
    "no_role": ("acme", None),
    "iam_admin_impersonator": ("acme", Role.IAM_ADMIN_IMPERSONATOR),
    "impersonator": ("acme", Role.IAM_END_USER_IMPERSONATOR),
}
WITHOUT_TOKEN = {"alice", "bob", "carol"}

# What a new demo has lived through: owner, change set, why. All of it in an organization of its
# own: whoever tries the APIs on the others finds nothing set.
STORY_ORGANIZATION, STORY_USER = "initech", "dana"
STORY: tuple[tuple[str, ChangeSet, str], ...] = (
    (
        "initech",
        {
            "enable_relational_tables": True,
            "improved_performance": ["IMPROVED_PERFORMANCE_PROJECT_GRANT"],
        },
        "Initech takes part in the pilot",
    ),
    ("initech", {"debug_oidc_parent_error": True}, "Looking for the cause of failed sign-ins"),
    ("initech", {"debug_oidc_parent_error": INHERIT}, "Found it: a wrong redirect URI"),
    ("dana", {"enable_relational_tables": False}, "Her reports must stay comparable in May"),
)


@dataclass(frozen=True)
class Demo:
    """The example data with the secrets that this run made: the only moment they are known."""

    instance: Instance
    organizations: dict[str, Organization]
    users: dict[str, User]
    admin: User
    password: str
    tokens: dict[str, str]
    clients: dict[str, IssuedClient]

    def as_document(self) -> dict[str, Any]:
        """Return what the command prints as JSON."""
        return {
            "instance": {"id": self.instance.public_id, "domain": DOMAIN},
            "organizations": _public_ids(self.organizations),
            "users": _public_ids(self.users),
            "admin": {"username": self.admin.username, "password": self.password},
            "tokens": self.tokens,
            "clients": {
                name: {"client_id": issued.client.client_id, "client_secret": issued.secret}
                for name, issued in self.clients.items()
            },
        }


@transaction.atomic
def make_demo(*, actor: Author, origin: Origin) -> Demo:
    """Make the example data, or bring its people, roles and locks back to where they began.

    Every run makes new secrets and ends those of earlier runs. Settings that somebody has changed
    since stay. ValidationError when something that is not the demo's has one of its names.
    """
    by: dict[str, Any] = {"actor": actor, "origin": origin}
    lock_stream(StreamKey.of(System()))  # so that two runs at once queue
    instance, is_new = _have_instance(**by)
    organizations = {
        name: instance.organizations.filter(public_id=name).first()
        or create_organization(instance, name.capitalize(), public_id=name, **by)
        for name in ("acme", "globex")
    }
    users = {
        name: _have_user(name, organizations[home] if home else None, **by)
        for name, (home, _role) in USERS.items()
    }
    for name, user in users.items():
        _have_role(user, _held(USERS[name][1], instance, organizations), **by)
    if is_new:
        _tell_story(instance, actor, origin)
    else:
        owners: list[Owner] = [instance, *organizations.values(), *users.values()]
        if Instance.objects.count() == 1:
            owners.append(System())  # with other instances it is not the demo's to change
        _release_locks(owners, **by)
    admin = _have_user("admin", None, **by)
    password = random_text(PASSWORD_LENGTH)
    admin.is_staff = admin.is_superuser = True
    admin.set_password(password)
    admin.save()
    tokens = {name: _renew_token(user, **by) for name, user in _token_holders(users)}
    clients = {name: _renew_client(instance, name, **by) for name in CLIENT_FEATURES}
    return Demo(instance, organizations, users, admin, password, tokens, clients)


def _have_instance(*, actor: Author, origin: Origin) -> tuple[Instance, bool]:
    """Return the demo's instance and whether it is new; it answers under the demo's domain."""
    instance = Instance.objects.filter(public_id="demo").first()
    if instance is None:
        new = create_instance(
            "Demo", public_id="demo", domains=[DOMAIN], actor=actor, origin=origin
        )
        return new, True
    domains = set(instance.domains.values_list("domain", flat=True))
    if DOMAIN not in domains:
        set_domains(instance, domains | {DOMAIN}, actor=actor, origin=origin)
    return instance, False


def _have_user(
    name: str, organization: Organization | None, *, actor: Author, origin: Origin
) -> User:
    """Return the demo's user of that name, active and where it belongs."""
    instance = organization.instance if organization else None
    user = User.objects.filter(instance=instance, public_id=name).first()
    if user is None and User.objects.filter(instance=instance, username=name).exists():
        raise ValidationError({name: "somebody else has that name: rename that user first"})
    if user is None and organization:
        fields = {"public_id": name, "name": _readable(name)}
        return create_user(organization, name, actor=actor, origin=origin, **fields)
    if user is None:
        return User.objects.create_user(name, public_id=name, name=_readable(name))
    if user.organization != organization:
        raise ValidationError({name: "is in another organization: delete that user first"})
    if not user.is_active:
        user.is_active = True
        user.save()
    return user


def _have_role(
    user: User, held: tuple[Role, Owner] | None, *, actor: Author, origin: Origin
) -> None:
    """Let the user hold that role and no other."""
    for membership in Membership.objects.filter(user=user).select_related(
        "instance", "organization__instance", "user__instance"
    ):
        if held is None or (Role(membership.role), membership.owner) != held:
            revoke_role(membership, actor=actor, origin=origin)
    if held:
        grant_role(user, *held, actor=actor, origin=origin)


def _held(
    role: Role | None, instance: Instance, organizations: dict[str, Organization]
) -> tuple[Role, Owner] | None:
    if role is None:
        return None
    owners: dict[Level, Owner] = {
        Level.SYSTEM: System(),
        Level.INSTANCE: instance,
        Level.ORGANIZATION: organizations["acme"],
    }
    return role, owners[role.level]


def _tell_story(instance: Instance, actor: Author, origin: Origin) -> None:
    by: dict[str, Any] = {"actor": actor, "origin": origin}
    name = STORY_ORGANIZATION
    organization = create_organization(instance, name.capitalize(), public_id=name, **by)
    user = create_user(
        organization, STORY_USER, public_id=STORY_USER, name=_readable(STORY_USER), **by
    )
    owners: dict[str, Owner] = {STORY_ORGANIZATION: organization, STORY_USER: user}
    for owner, changes, reason in STORY:
        told = Origin(surface=origin.surface, run=origin.run, reason=reason)
        set_features(owners[owner], changes, actor=actor, origin=told)


def _release_locks(owners: Iterable[Owner], *, actor: Author, origin: Origin) -> None:
    for owner in owners:
        for definition, stored in overrides_of(owner).items():
            if stored.locked:
                unlock_feature(owner, definition.key, actor=actor, origin=origin)


def _token_holders(users: dict[str, User]) -> Iterator[tuple[str, User]]:
    return ((name, user) for name, user in users.items() if name not in WITHOUT_TOKEN)


def _renew_token(user: User, *, actor: Author, origin: Origin) -> str:
    """End the tokens that earlier runs made for the user and return a new one."""
    for token in user.tokens.filter(description=DESCRIPTION):
        revoke_token(token, actor=actor, origin=origin)
    return issue_token(user, actor=actor, origin=origin, description=DESCRIPTION).text


def _renew_client(instance: Instance, name: str, *, actor: Author, origin: Origin) -> IssuedClient:
    """Return the demo's client of that feature, free to call, with a new secret."""
    by: dict[str, Any] = {"actor": actor, "origin": origin}
    description = f"{DESCRIPTION}: {name}"
    client = instance.clients.filter(description=description).first()
    if client is None:
        return create_client(instance, description, features=[name], **by)
    set_client_features(client, [name], **by)
    set_networks(client, None, **by)
    set_expiry(client, None, **by)
    enable_client(client, **by)
    return rotate_secret(client, **by)


def _readable(name: str) -> str:
    words = name.split("_")
    return " ".join([words[0].upper() if words[0] == "iam" else words[0].capitalize(), *words[1:]])


def _public_ids(owners: dict[str, Any]) -> dict[str, str]:
    return {name: owner.public_id for name, owner in owners.items()}
