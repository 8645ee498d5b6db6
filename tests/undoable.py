"""A change of every kind that can be undone: how it is made, and how what it changed is read."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any

from access.models import Membership
from access.permissions import Role
from access.services import grant_role, revoke_role
from access.tenants import change_tenant, set_domains
from clients import services as clients
from clients.models import ApiClient
from events.models import Event
from features.defining import (
    archive_feature,
    define_feature,
    disable_feature,
    edit_feature,
    enable_feature,
    restore_feature,
)
from features.models import Feature
from security.services import patch_security_settings, read_settings
from tests.factories import BY, make_client

LATER = datetime(2031, 5, 4, 3, 2, 1, 987000, UTC)


@dataclass(frozen=True)
class Undoable:
    """A change of a world, what it is of the world that it changes, and what goes before it."""

    make: Callable[[Any], object]
    read: Callable[[Any], Any]
    resource: str  # that its permission is about
    prepare: Callable[[Any], object] = lambda _world: None


def make_world(cast):
    """Return a cast with an API client, a feature, and settings to be changed."""
    client = make_client(cast.instance, "owner", description="Importer").client
    make_client(cast.instance, "owner", description="The other owner")
    define_feature("dark_mode", kind="integer", default=1, **BY)
    patch_security_settings(
        cast.instance, {"allowed_origins": ("https://one.example", "https://two.example")}, **BY
    )
    return SimpleNamespace(cast=cast, client=client)


def _client(change, name):
    def read(world):
        return getattr(ApiClient.objects.get(pk=world.client.pk), name)

    return Undoable(lambda world: change(world.client, **BY), read, "clients")


def _of_client(service, value, name):
    return _client(lambda client, **by: service(client, value, **by), name)


def _security(name, value):
    return Undoable(
        lambda world: patch_security_settings(world.cast.instance, {name: value}, **BY),
        lambda world: getattr(read_settings(world.cast.instance), name),
        "iam.policy",
    )


def _defined(act=None, **changes):
    def make(_world):
        return act("dark_mode", **BY) if act else edit_feature("dark_mode", changes, **BY)

    def read(_world):
        row = Feature.objects.get(key="dark_mode")
        names = ("name", "kind", "options", "default", "levels", "stage", "enabled", "expires_on")
        return *(repr(getattr(row, name)) for name in names), row.archived_at is None

    return Undoable(make, read, "definition")


def _roles(make):
    def read(world):
        held = Membership.objects.filter(user__in=[world.cast.alice, world.cast.bob])
        return sorted((m.user.username, m.role, m.owner.reference) for m in held)

    return Undoable(make, read, "membership")


def _tenant(who, resource, **changes):
    def make(world):
        change_tenant(getattr(world.cast, who), changes, **BY)

    def read(world):
        owner = getattr(world.cast, who)
        return type(owner).objects.values(*changes).get(pk=owner.pk)

    return Undoable(make, read, resource)


CHANGES = {
    "description": _of_client(clients.set_description, "Exporter", "description"),
    "features": _of_client(clients.set_client_features, ["direct_read_access"], "feature_names"),
    "networks": _of_client(clients.set_networks, ["192.0.2.0/24"], "networks"),
    "expiry": _of_client(clients.set_expiry, LATER, "expires_at"),
    "disabled": _client(clients.disable_client, "disabled"),
    "enabled": replace(
        _client(clients.enable_client, "disabled"),
        prepare=lambda world: clients.disable_client(world.client, **BY),
    ),
    "origins": _security("allowed_origins", ("https://three.example",)),
    "iframe": _security("iframe_enabled", True),
    "impersonation": _security("impersonation_enabled", True),
    "definition": _defined(name="Dim", default=7, options={"minimum": 0}, stage="stable"),
    "definition's kind": _defined(kind="boolean", default=True, expires_on=date(2031, 1, 2)),
    "definition disabled": _defined(disable_feature),
    "definition enabled": replace(
        _defined(enable_feature), prepare=lambda _world: disable_feature("dark_mode", **BY)
    ),
    "definition archived": _defined(archive_feature),
    "definition restored": replace(
        _defined(restore_feature), prepare=lambda _world: archive_feature("dark_mode", **BY)
    ),
    "role granted": _roles(
        lambda world: grant_role(world.cast.bob, Role.ORG_OWNER_VIEWER, world.cast.acme, **BY)
    ),
    "role revoked": _roles(
        lambda world: revoke_role(Membership.objects.get(user=world.cast.alice), **BY)
    ),
    "organization renamed": _tenant("acme", "org", name="Acme & Sons"),
    "user deactivated": _tenant("bob", "user", is_active=False),
    "user's email": _tenant("bob", "user", email="bob@acme.example"),
    "instance renamed": _tenant("instance", "instance", name="Prime"),
    "domains": Undoable(
        lambda world: set_domains(world.cast.instance, ["testserver", "new.example"], **BY),
        lambda world: sorted(map(str, world.cast.instance.domains.all())),
        "instance",
    ),
}


def last_event() -> Event:
    """Return the event of the change that was made last."""
    return Event.objects.latest("pk")
