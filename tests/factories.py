"""The cast of the tests, made through the services, and short ways to act."""

import base64
from dataclasses import dataclass
from typing import Any

from access.permissions import Role
from access.services import grant_role, issue_token
from clients.services import IssuedClient, create_client
from events.models import Surface
from events.services import Author, Origin
from features.kinds import camel_case
from features.models import Feature
from tenancy.models import Instance, Organization, System, User
from tenancy.revision import touch_revision
from tenancy.services import create_instance, create_organization, create_user

TESTER = Author("operator", "tester", "tester")
ORIGIN = Origin(surface=Surface.COMMAND)
BY: dict[str, Any] = {"actor": TESTER, "origin": ORIGIN}


@dataclass(frozen=True)
class Cast:
    """Who plays: alice owns acme, bob is in acme, carol in globex, root may everything."""

    instance: Instance
    acme: Organization
    globex: Organization
    alice: User
    bob: User
    carol: User
    root: User


def make_cast(domain: str = "testserver") -> Cast:
    """Make one instance with its cast."""
    instance = create_instance("Main", public_id="main", domains=[domain])
    acme = create_organization(instance, "Acme", public_id="acme")
    globex = create_organization(instance, "Globex", public_id="globex")
    alice = create_user(acme, "alice", public_id="alice")
    grant_role(alice, Role.ORG_OWNER, acme, **BY)
    return Cast(
        instance,
        acme,
        globex,
        alice,
        create_user(acme, "bob", public_id="bob"),
        create_user(globex, "carol", public_id="carol"),
        User.objects.create_superuser("root", public_id="root"),
    )


def make_holder(role: Role, owner, username: str = "") -> User:
    """Make a user (of the first organization there is) who holds a role on an owner."""
    username = username or role.value.lower()
    if owner == System():
        user = User.objects.create_user(username, public_id=username)
    else:
        organization = owner if isinstance(owner, Organization) else owner.organizations.first()
        user = create_user(organization, username, public_id=username)
    grant_role(user, role, owner, **BY)
    return user


def make_feature(key: str, kind: str = "boolean", *, default: Any = False, **fields) -> Feature:
    """Make a custom feature that may be set at every level."""
    row = Feature(key=key, json_name=camel_case(key), name=key, kind=kind, default=default)
    for name, value in fields.items():
        setattr(row, name, value)
    row.save()
    touch_revision()
    return row


def change_feature(key: str, **fields) -> None:
    """Change a definition, as an administrator would."""
    Feature.objects.filter(key=key).update(**fields)
    touch_revision()


def token_for(user: User, **options) -> str:
    """Return the text of a new bearer token of a user."""
    return issue_token(user, **BY, **options).text


def make_client(instance: Instance, *features: str, description: str = "") -> IssuedClient:
    """Make an API client that holds some client features."""
    description = description or " ".join(features) or "no features"
    return create_client(instance, description, features=features, **BY)


def basic(issued: IssuedClient, secret: str | None = None) -> dict[str, str]:
    """Return the headers with which a client signs in, with another secret if one is given."""
    pair = f"{issued.client.client_id}:{issued.secret if secret is None else secret}"
    return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
