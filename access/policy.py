"""The one policy: may this actor do that to this owner? Every surface asks here."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import reduce
from operator import or_

from django.core.exceptions import ObjectDoesNotExist, PermissionDenied
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from access.actors import SUPERUSER, Actor
from access.permissions import IMPERSONATOR_ROLES, Action, Permission, Resource, Role
from events.models import Event, Stream
from tenancy.levels import OWNED_LEVELS, Level
from tenancy.lookups import holds
from tenancy.models import Instance, Owner, System, User

NOTHING = Q(pk__in=[])
EVERYTHING = ~NOTHING  # an empty Q would vanish in an "or"

Paths = Mapping[Level, str]

# How a row of each level's owners names the owners above it.
OWNER_PATHS = {
    Level.SYSTEM: {Level.SYSTEM: "pk"},
    Level.INSTANCE: {Level.INSTANCE: "pk"},
    Level.ORGANIZATION: {Level.INSTANCE: "instance", Level.ORGANIZATION: "pk"},
    Level.USER: {Level.INSTANCE: "instance", Level.ORGANIZATION: "organization"},
}

# How a row of each level's overrides does: it says itself where its owner belongs.
OVERRIDE_PATHS = {
    level: {above: "owner" if path == "pk" else path for above, path in paths.items()}
    for level, paths in OWNER_PATHS.items()
}


class MissingPermission(PermissionDenied):
    """The actor lacks a permission, which the message names.

    Reading is one permission to the outside: the same is said for a refused effective value, so
    that no difference tells an owner that exists from one that does not.
    """

    def __init__(self, permission: Permission) -> None:
        if permission.action is Action.EFFECTIVE:
            permission = replace(permission, action=Action.READ)
        super().__init__(_("missing permission %(name)s") % {"name": permission})
        self.permission = permission


class UnknownOwner(ObjectDoesNotExist):
    """There is no such owner in the instance, said only to someone who may know."""


# What it takes to see the events of each kind of stream. Who sees an instance or an organization
# sees how it came about; of users there is more to know than their features.
SEEN_IN = {
    "definition": Permission(Resource.SYSTEM_FEATURE, Action.READ),
    "system": Permission(Resource.SYSTEM_FEATURE, Action.READ),
    "instance": Permission(Resource.INSTANCE_FEATURE, Action.READ),
    "instance.tenant": Permission(Resource.INSTANCE_FEATURE, Action.READ),
    "instance.security": Permission(Resource.POLICY, Action.READ),
    "instance.impersonation": Permission(Resource.POLICY, Action.READ),
    "organization": Permission(Resource.ORGANIZATION_FEATURE, Action.READ),
    "organization.tenant": Permission(Resource.ORGANIZATION_FEATURE, Action.READ),
    "user": Permission(Resource.USER_FEATURE, Action.READ),
    "user.tenant": Permission(Resource.USERS, Action.READ),
    "user.roles": Permission(Resource.MEMBERSHIPS, Action.READ),
    "user.token": Permission(Resource.TOKENS, Action.READ),
    "client": Permission(Resource.CLIENTS, Action.READ),
    "client.token": Permission(Resource.TOKENS, Action.READ),
}
# Seen by operators of the system, who see every instance.
OF_INSTANCES = frozenset({"instance", "instance.tenant"})
# What it takes on an organization alone to see the events of it and of its users. Who sees there
# who may what sees which tokens were given, without seeing any.
IN_ORGANIZATIONS = {
    kind: SEEN_IN[kind]
    for kind in ("organization", "organization.tenant", "user", "user.tenant", "user.roles")
} | {"user.token": SEEN_IN["user.roles"]}


# By which column the events of an owner and of all below it are found.
EVENT_KEYS = {Level.INSTANCE: "instance_key", Level.ORGANIZATION: "organization_key"}
ABOVE_INSTANCES = 0


def allows(actor: Actor, permission: Permission, owner: Owner) -> bool:
    """Whether one of the actor's grants carries the permission and covers the owner."""
    return any(permission in grant.permissions and grant.covers(owner) for grant in actor.grants)


def require(actor: Actor, permission: Permission, owner: Owner) -> None:
    """Raise MissingPermission unless the policy allows it."""
    if not allows(actor, permission, owner):
        raise MissingPermission(permission)


def require_something(actor: Actor) -> None:
    """Raise MissingPermission for an API client without any permission.

    It holds no client feature, or calls from an address that its allow list refuses. A user reads
    what is their own without a permission.
    """
    if actor.user is None and not actor.permissions:
        raise MissingPermission(Permission(Resource.INSTANCE_FEATURE, Action.READ))


def may_read_features(actor: Actor, owner: Owner, *, effective: bool) -> bool:
    """Whether the actor may read the owner's features.

    A user may read their own and those of the owners above them; operators of the system may read
    every instance. Beyond that it takes a permission. An API client has nothing but permissions.
    """
    if actor.user is not None and _is_in_lineage_of(actor.user, owner):
        return True
    return allows(actor, Permission.on_features(owner.level, _reading(effective)), owner)


def require_on_features(
    actor: Actor,
    action: Action,
    owner: Owner | None,
    *,
    level: Level,
    instance: Instance,
) -> Owner:
    """Return the owner if the actor may do ``action`` to its features.

    ``owner`` is None when the instance has none of that level and id. Only someone who may do the
    same to the whole instance learns that (UnknownOwner); everybody else gets MissingPermission,
    as for an existing one, so that ids cannot be probed.
    """
    permission = Permission.on_features(level, action)
    if owner is None:
        require(actor, permission, instance)
        raise UnknownOwner(f"{level.label} not found")
    if action in {Action.READ, Action.EFFECTIVE}:
        if not may_read_features(actor, owner, effective=action is Action.EFFECTIVE):
            raise MissingPermission(permission)
    else:
        require(actor, permission, owner)
    return owner


def require_somewhere(actor: Actor, permission: Permission) -> None:
    """Raise MissingPermission unless the actor holds the permission on some owner, whichever."""
    if not granted_keys(actor, permission):
        raise MissingPermission(permission)


def may_grant(actor: Actor, role: Role, owner: Owner) -> bool:
    """Whether the actor may give and take a role on the owner: never one wider than their own.

    An impersonator's role reaches whatever its subjects may do, those included who may more than
    the owner's own administrators; who may turn impersonation on may give it.
    """
    if not allows(actor, Permission(Resource.MEMBERSHIPS, Action.WRITE), owner):
        return False
    if role in IMPERSONATOR_ROLES:
        instance = owner.instance_or_none
        write = Permission(Resource.POLICY, Action.WRITE)
        return instance is not None and allows(actor, write, instance)
    return all(allows(actor, permission, owner) for permission in role.permissions)


def may_set_password(actor: Actor, user: User, held: Iterable[tuple[Role, Owner]]) -> bool:
    """Whether the actor may give the user a password, with which they could act as that user.

    ``held`` are all roles of the user. Nobody may while they act in somebody else's name.
    """
    if actor.impersonator or not allows(actor, Permission(Resource.USERS, Action.WRITE), user):
        return False
    return may_grant_all(actor, user, held)


def may_grant_all(actor: Actor, user: User, held: Iterable[tuple[Role, Owner]]) -> bool:
    """Whether the actor could give and take all that a user may, which are the roles ``held``.

    What a superuser may is given by who may everything.
    """
    if user.is_superuser:
        everything = SUPERUSER.permissions
        return all(allows(actor, permission, System()) for permission in everything)
    return all(may_grant(actor, role, owner) for role, owner in held)


def require_password(actor: Actor, user: User, held: Iterable[tuple[Role, Owner]]) -> None:
    """Raise MissingPermission unless the actor may give the user a password."""
    require(actor, Permission(Resource.USERS, Action.WRITE), user)
    if not may_set_password(actor, user, held):
        raise MissingPermission(Permission(Resource.MEMBERSHIPS, Action.WRITE))


def _reading(effective: bool) -> Action:
    return Action.EFFECTIVE if effective else Action.READ


def _is_in_lineage_of(user: User, owner: Owner) -> bool:
    if owner.level is Level.INSTANCE and user.instance_id is None:
        return True
    return bool(user.lineage_keys().get(owner.level) == owner.pk)


def granted_keys(actor: Actor, permission: Permission) -> dict[Level, set[int]]:
    """Return the primary keys of the owners on which the actor was granted it, by their level."""
    keys: dict[Level, set[int]] = {}
    for grant in actor.grants:
        if permission in grant.permissions:
            keys.setdefault(grant.level, set()).add(grant.key)
    return keys


def covered(actor: Actor, permission: Permission, paths: Mapping[Level, str]) -> Q:
    """Return the filter of the rows to whose owner the actor may do that: `allows`, for lists.

    ``paths`` leads from a row to the primary keys of the owners above it, by level.
    """
    keys = granted_keys(actor, permission)
    if Level.SYSTEM in keys:
        return EVERYTHING
    return _any_of(Q(**{f"{paths[level]}__in": keys[level]}) for level in keys if level in paths)


def may_see(actor: Actor, owner: Owner) -> bool:
    """Whether the owner is shown to the actor in the admin's lists and pages.

    That takes a grant; operators of the system see every instance. A user may read the features of
    the owners above through the APIs, but does not find these owners here.
    """
    if owner.level is Level.INSTANCE and is_operator(actor):
        return True
    return allows(actor, Permission.on_features(owner.level, Action.READ), owner)


def visible(
    actor: Actor, level: Level, prefix: str = "", paths: Mapping[Level, Paths] = OWNER_PATHS
) -> Q:
    """Return the filter of a level's owners that the actor sees: `may_see`, for lists.

    ``prefix`` leads from a row to its owner, such as ``user__``; OVERRIDE_PATHS are for overrides.
    """
    if level is Level.INSTANCE and is_operator(actor):
        return EVERYTHING
    named = {key: f"{prefix}{path}" for key, path in paths[level].items()}
    return covered(actor, Permission.on_features(level, Action.READ), named)


def granted_organizations(actor: Actor, permission: Permission) -> set[int]:
    """Return the keys of the organizations in each of which the actor was granted a permission."""
    return {
        grant.key
        for grant in actor.grants
        if grant.level is Level.ORGANIZATION and permission in grant.permissions
    }


def writable(actor: Actor, level: Level, paths: Mapping[Level, Paths] = OWNER_PATHS) -> Q:
    """Return the filter of a level's owners whose features the actor may set."""
    return covered(actor, Permission.on_features(level, Action.WRITE), paths[level])


def visible_events(actor: Actor, *, finds: bool = True) -> Q:
    """Return the filter of the events that the actor sees: of owners that they see, and more.

    Unless it ``finds`` them, SQLite only tests what something narrower has found.
    """
    return _any_of(scope.events(finds=finds) for scope in _seen_scopes(actor))


def events_seen_in(
    actor: Actor, instance: Instance, *, begin: Collection[Level] = (Level.INSTANCE,)
) -> list[Q]:
    """Return the filters whose events together are what the actor sees of an instance.

    To them belongs what the actor sees of the system; an event may pass two of them. ``begin`` are
    the levels by whose key SQLite is to find the events: there are indexes that begin with either.
    """
    by_instance = Level.INSTANCE in begin
    by_organization = Level.ORGANIZATION in begin
    here = Q(holds("instance_key", instance.pk, finds=by_instance))
    found: list[Q] = []
    for scope in _seen_scopes(actor):
        if scope.level is Level.SYSTEM:
            above = Q(holds("instance_key", ABOVE_INSTANCES, finds=by_instance))
            found += [here & scope.events(), above & scope.events()]
        elif scope.level is Level.ORGANIZATION:
            within = Q(holds("instance_key", instance.pk, finds=False))
            found.append(
                (within if by_organization else here) & scope.events(finds=by_organization)
            )
        elif scope.key == instance.pk:
            found.append(scope.events(finds=by_instance))
    return found


def sees_events_of(actor: Actor, owner: Owner) -> bool:
    """Whether the actor sees any kind of events of an owner."""
    keys = owner.lineage_keys()
    return any(keys.get(scope.level) == scope.key for scope in _seen_scopes(actor))


def sees_event(actor: Actor, event: Event) -> bool:
    """Whether the actor sees an event: `visible_events`, for one that is there with its stream."""
    return any(scope.covers(event) for scope in _seen_scopes(actor))


def streams_of(level: Level, instance: str, owner: str) -> QuerySet[Stream]:
    """Return one owner's streams: of its features, and what else is recorded of it.

    The owner may be gone: the texts are those of its streams.
    """
    kinds = [kind for kind in SEEN_IN if kind.partition(".")[0] == level.label]
    return Stream.objects.filter(kind__in=kinds, instance=instance, owner=owner)


def changeable_events(actor: Actor) -> Q:
    """Return the filter of the features' events that the actor may take back."""
    needed = {level.label: Permission.on_features(level, Action.WRITE) for level in OWNED_LEVELS}
    within = {kind: needed[kind] for kind in needed if kind in IN_ORGANIZATIONS}
    return _any_of(scope.events() for scope in _scopes(actor, needed, within))


@dataclass(frozen=True)
class EventScope:
    """The kinds of events that a grant opens, at its owner and below; None: whatever the kind."""

    level: Level
    key: int
    kinds: frozenset[str] | None

    def events(self, *, finds: bool = True) -> Q:
        """Return the filter of the events; the key ``finds`` them on SQLite, or only tests."""
        found = Q()
        if self.level is not Level.SYSTEM:
            found &= Q(holds(EVENT_KEYS[self.level], self.key, finds=finds))
        if self.kinds is not None:
            # Streams are few beside their events: SQLite would begin with them.
            found &= Q(holds("stream__kind", *sorted(self.kinds), finds=False))
        return found or EVERYTHING

    def covers(self, event: Event) -> bool:
        """Whether an event is one of these."""
        is_there = self.level is Level.SYSTEM or getattr(event, EVENT_KEYS[self.level]) == self.key
        return is_there and (self.kinds is None or event.stream.kind in self.kinds)


def _seen_scopes(actor: Actor) -> list[EventScope]:
    everywhere = [grant.permissions for grant in actor.grants if grant.level is Level.SYSTEM]
    if any(permissions.issuperset(SEEN_IN.values()) for permissions in everywhere):
        return [EventScope(Level.SYSTEM, 1, None)]
    scopes = _scopes(actor, SEEN_IN, IN_ORGANIZATIONS)
    if is_operator(actor):
        scopes.append(EventScope(Level.SYSTEM, 1, OF_INSTANCES))
    return scopes


def _scopes(
    actor: Actor, needed: Mapping[str, Permission], in_organizations: Mapping[str, Permission]
) -> list[EventScope]:
    """Return what the actor's grants open, by the permission that each kind of events takes."""
    kinds: dict[tuple[Level, int], frozenset[str]] = {}
    for grant in actor.grants:
        by_kind = in_organizations if grant.level is Level.ORGANIZATION else needed
        opened = {kind for kind, asked in by_kind.items() if asked in grant.permissions}
        if opened:
            at = (grant.level, grant.key)
            kinds[at] = kinds.get(at, frozenset()) | opened
    return [EventScope(*at, opened) for at, opened in kinds.items()]


def _any_of(conditions: Iterable[Q]) -> Q:
    return reduce(or_, conditions, NOTHING)


def is_operator(actor: Actor) -> bool:
    """Whether the actor is an operator of the system, who belongs to no instance."""
    return actor.user is not None and actor.user.instance_id is None
