"""Changing who exists, with a history: the door for every surface but the bulk import.

The rows themselves are made by tenancy.services, which knows nothing of events.
"""

from collections.abc import Callable, Iterable, Mapping
from copy import copy
from typing import Any, TypeVar

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import ProtectedError, Q
from django.utils.translation import gettext as _

from access.actors import Actor
from access.impersonations import end_impersonations, unexpired
from access.permissions import Action, Permission, Resource
from access.policy import MissingPermission, may_grant_all, require
from access.services import held_by
from events.services import Author, Entry, Origin, StreamKey, append
from tenancy import services as rows
from tenancy.levels import Level
from tenancy.models import Instance, Organization, Owner, User
from tenancy.revision import touch_revision
from tenancy.uniqueness import save_unique

TENANT = "tenant"  # what these events are about, in the kinds of their streams

PASSWORD_LENGTH = 1000

AnyOwner = TypeVar("AnyOwner", bound=Owner)

CHANGEABLE: Mapping[type[Owner], frozenset[str]] = {
    Instance: frozenset({"name"}),
    Organization: frozenset({"name"}),
    User: frozenset({"username", "name", "email", "is_active", "is_staff"}),
}
"""What may be changed of a tenant afterwards. Ids and places never: settings hang on them."""

SIGN_IN = frozenset({"username", "is_active", "is_staff"})
"""The fields of a user on which it depends whether and how they sign in."""

before_deletion: list[Callable[..., None]] = []
"""What empties a tenant, with a record, before it goes: called with the owner, ``actor`` and
``origin``. The apps above this one, whose settings end with it, add theirs when they are ready."""


def create_instance(
    name: str,
    *,
    actor: Author,
    origin: Origin,
    public_id: str | None = None,
    domains: Iterable[str] = (),
) -> Instance:
    """Create an instance. AlreadyExists for a taken id or another instance's domain."""
    with transaction.atomic():
        instance = rows.create_instance(name, public_id=public_id, domains=domains)
        return _record_creation(instance, actor, origin)


def create_organization(
    instance: Instance,
    name: str,
    *,
    actor: Author,
    origin: Origin,
    public_id: str | None = None,
) -> Organization:
    """Create an organization of an instance. AlreadyExists for a taken id."""
    with transaction.atomic():
        organization = rows.create_organization(instance, name, public_id=public_id)
        return _record_creation(organization, actor, origin)


def create_user(
    organization: Organization,
    username: str,
    *,
    actor: Author,
    origin: Origin,
    **fields: Any,
) -> User:
    """Create a user of an organization; ``fields`` as tenancy.services.create_user takes them.

    AlreadyExists for an id or a name that is taken within the instance.
    """
    with transaction.atomic():
        return _record_creation(rows.create_user(organization, username, **fields), actor, origin)


def require_on_tenant(
    actor: Actor, action: Action, owner: Owner, fields: Iterable[str] = ()
) -> None:
    """Raise MissingPermission unless the actor may do ``action`` to a tenant itself.

    ``fields`` are what of it is to be changed. The end of a user, or of a user's way to sign in,
    takes every role from them: it is for those who may take these.
    """
    require(actor, Permission.on_tenants(owner.level, action), owner)
    is_end = action is Action.DELETE or not SIGN_IN.isdisjoint(fields)
    if is_end and isinstance(owner, User) and not may_grant_all(actor, owner, held_by(owner)):
        raise MissingPermission(Permission(Resource.MEMBERSHIPS, Action.WRITE))


def change_tenant(
    owner: AnyOwner, changes: Mapping[str, Any], *, actor: Author, origin: Origin
) -> AnyOwner:
    """Return the tenant with some of its CHANGEABLE fields set, an event for each that differs.

    ValidationError for another field or a bad value, AlreadyExists for a taken name; then nothing
    is written. The object that was given stays as it is.
    """
    allowed = CHANGEABLE.get(type(owner), frozenset())
    if unknown := sorted(set(changes) - allowed):
        raise ValidationError({name: _("can't be changed") for name in unknown})
    changed = copy(owner)
    for name, value in changes.items():
        setattr(changed, name, value)
    changed.clean()  # what is stored is what the history tells
    entries = [
        Entry("tenants.changed", name, before=before, after=after)
        for name in changes
        if (before := getattr(owner, name)) != (after := getattr(changed, name))
    ]
    if not entries:
        return owner
    with transaction.atomic():
        fields = [entry.subject for entry in entries]
        save_unique(changed, exclude=["password"], update_fields=fields)
        append(StreamKey.of(changed, TENANT), entries, actor=actor, origin=origin)
        _touch_revision_for(changed)
    return changed


def set_password(user: User, password: str, *, actor: Author, origin: Origin) -> None:
    """Give a user a new password, which ends their sessions; no event ever holds it.

    ValidationError with what Django's validators find wrong with it.
    """
    if len(password) > PASSWORD_LENGTH:
        reason = _("must have at most %(count)d characters") % {"count": PASSWORD_LENGTH}
        raise ValidationError({"password": reason})
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise ValidationError({"password": error.messages}) from None
    changed = copy(user)
    changed.set_password(password)
    with transaction.atomic():
        changed.save(update_fields=["password"])
        entry = Entry("tenants.password_set")
        append(StreamKey.of(changed, TENANT), [entry], actor=actor, origin=origin)


def set_domains(
    instance: Instance, domains: Iterable[str], *, actor: Author, origin: Origin
) -> None:
    """Replace an instance's domains. ValidationError for a bad one or another instance's."""
    with transaction.atomic():
        before = _domains_of(instance)
        rows.set_domains(instance, domains)
        after = _domains_of(instance)
        if before != after:
            entry = Entry("tenants.changed", "domains", before=before, after=after)
            append(StreamKey.of(instance, TENANT), [entry], actor=actor, origin=origin)


def delete_tenant(owner: Owner, *, actor: Author, origin: Origin) -> None:
    """Delete a tenant with its settings, roles and tokens; its history stays, and ends with that.

    ValidationError while others belong to it: users to an organization, organizations or API
    clients to an instance.
    """
    with transaction.atomic():
        entry = Entry("tenants.deleted", before=str(owner))
        append(StreamKey.of(owner, TENANT), [entry], actor=actor, origin=origin)
        if isinstance(owner, User):
            theirs = unexpired() & (Q(impersonator=owner) | Q(subject=owner))
            end_impersonations(theirs, owner, actor=actor, origin=origin)
        for empty in before_deletion:
            empty(owner, actor=actor, origin=origin)
        try:
            owner.delete()
        except ProtectedError as error:
            count = len(error.protected_objects)
            raise ValidationError(
                _("%(owner)s still has what belongs to it (%(count)s): delete that first")
                % {"owner": owner.reference, "count": count}
            ) from error
        _touch_revision_for(owner)


def _record_creation(owner: AnyOwner, actor: Author, origin: Origin) -> AnyOwner:
    entry = Entry("tenants.created", after=str(owner))
    append(StreamKey.of(owner, TENANT), [entry], actor=actor, origin=origin)
    return owner


def _touch_revision_for(owner: Owner) -> None:
    """Raise the revision when an instance changes; organizations and users are read each time."""
    if owner.level is Level.INSTANCE:
        touch_revision()


def _domains_of(instance: Instance) -> list[str]:
    return sorted(instance.domains.values_list("domain", flat=True))
