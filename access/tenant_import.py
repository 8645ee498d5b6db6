"""Writing an import of tenants: one transaction, statements by the batch, a history of each."""

from collections.abc import Sequence
from typing import Any

from django.contrib.auth.hashers import make_password
from django.db import IntegrityError, transaction

from access.impersonations import end_impersonations_of
from access.models import Membership
from access.permissions import Role
from access.services import role_entry
from access.tenant_plan import UPDATED, Home, ImportPlan, PlannedTenant, batches, role_keys
from access.tenants import TENANT
from events.services import Author, Conflict, Entry, Origin, StreamKey, append_many
from tenancy.levels import Level
from tenancy.models import Instance, InstanceDomain, Organization, Owner, System, User
from tenancy.revision import touch_revision


def write_import(plan: ImportPlan, *, actor: Author, origin: Origin) -> None:
    """Write a plan without faults, all of it or nothing.

    Conflict when somebody else has made or changed one of its tenants since it was planned.
    """
    by: dict[str, Any] = {"actor": actor, "origin": origin}
    try:
        with transaction.atomic():
            for batch in batches(plan.instances):
                _write_owners(Instance, batch, **by)
            for batch in batches(plan.organizations):
                _write_owners(Organization, batch, **by)
            for batch in batches(plan.users):
                _write_users(batch, **by)
            if any(planned.outcome != "unchanged" for planned in plan.instances):
                touch_revision()
    except IntegrityError as error:
        raise Conflict("somebody else has changed one of these tenants meanwhile") from error


def _write_owners(
    model: type[Instance] | type[Organization],
    batch: Sequence[PlannedTenant],
    *,
    actor: Author,
    origin: Origin,
) -> None:
    manager: Any = model._default_manager
    manager.bulk_create([planned.owner for planned in batch if planned.key is None])
    changed = [planned.owner for planned in batch if planned.key and planned.changes]
    manager.bulk_update(changed, UPDATED[model.level], batch_size=200)
    InstanceDomain.objects.bulk_create(
        InstanceDomain(instance=planned.owner, domain=domain)
        for planned in batch
        if isinstance(planned.owner, Instance)
        for domain in planned.domains
    )
    histories = [
        (StreamKey.of(planned.owner, TENANT), _tenant_entries(planned))
        for planned in batch
        if planned.owner
    ]
    append_many(histories, actor=actor, origin=origin)


def _write_users(batch: Sequence[PlannedTenant], *, actor: Author, origin: Origin) -> None:
    unusable = make_password(None)
    users = [(planned, _build_user(planned, unusable)) for planned in batch]
    User.objects.bulk_create(user for planned, user in users if planned.key is None)
    changed = User.objects.in_bulk([p.key for p in batch if p.key is not None and p.changes])
    for planned in batch:
        for name, (_before, after) in planned.changes.items():
            setattr(changed[planned.key or 0], name, after)
    User.objects.bulk_update(changed.values(), UPDATED[Level.USER], batch_size=200)
    Membership.objects.bulk_create(
        Membership(user=user, role=role.value, instance_id=instance, organization_id=organization)
        for planned, user in users
        for role in planned.roles
        for instance, organization in [role_keys(role, planned.home)]
    )
    histories: list[tuple[StreamKey, Sequence[Entry]]] = []
    for planned, user in users:
        granted = [
            role_entry("roles.granted", user, role, _held_on(role, planned.home))
            for role in planned.roles
        ]
        histories.append((StreamKey.of(user, TENANT), _tenant_entries(planned)))
        histories.append((StreamKey.of(user, "roles"), granted))
    append_many(histories, actor=actor, origin=origin)
    for planned, user in users:
        if planned.key is not None and planned.roles:
            end_impersonations_of(user, actor=actor, origin=origin)


def _build_user(planned: PlannedTenant, password: str) -> User:
    """Return the user as the row has it."""
    row, home = planned.row, planned.home
    return User(
        pk=planned.key,
        instance=home.instance_or_none if home else None,
        organization=home if isinstance(home, Organization) else None,
        public_id=row.id,
        username=row.username,
        name=row.name,
        email=row.email,
        password=password,
    )


def _held_on(role: Role, home: Home) -> Owner:
    """Return the owner on which a user of ``home`` holds a role."""
    instance, organization = role_keys(role, home)
    if home is None or (instance is None and organization is None):
        return System()
    return home if organization is not None else home.instance_or_none


def _tenant_entries(planned: PlannedTenant) -> list[Entry]:
    """Return what the history keeps of a row: as access.tenants records the same."""
    if planned.key is None:
        return [Entry("tenants.created", after=planned.row.name or planned.row.username)]
    return [
        Entry("tenants.changed", name, before=before, after=after)
        for name, (before, after) in planned.changes.items()
    ]
