"""The one policy: may this actor do that to this owner? Every surface asks here."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import reduce
from operator import or_
from typing import Any

from django.core.exceptions import ObjectDoesNotExist, PermissionDenied
from django.db.models import Exists, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Concat
from django.db.models.lookups import In
from django.utils.translation import gettext as _

from access.actors import SUPERUSER, Actor
from access.permissions import IMPERSONATOR_ROLES, Action, Permission, Resource, Role
from events.models import Event, Stream
from events.values import TextOf
from tenancy.levels import OWNED_LEVELS, Level
from tenancy.models import Instance, Organization, Owner, System, User

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
OF_INSTANCES = ["instance", "instance.tenant"]
# What it takes on an organization alone to see the events of it and of its users. Who sees there
# who may what sees which tokens were given, without seeing any.
IN_ORGANIZATIONS = {
    kind: SEEN_IN[kind]
    for kind in ("organization", "organization.tenant", "user", "user.tenant", "user.roles")
} | {"user.token": SEEN_IN["user.roles"]}


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
    if owner.level is Level.INSTANCE and _is_operator(actor):
        return True
    return allows(actor, Permission.on_features(owner.level, Action.READ), owner)


def visible(
    actor: Actor, level: Level, prefix: str = "", paths: Mapping[Level, Paths] = OWNER_PATHS
) -> Q:
    """Return the filter of a level's owners that the actor sees: `may_see`, for lists.

    ``prefix`` leads from a row to its owner, such as ``user__``; OVERRIDE_PATHS are for overrides.
    """
    if level is Level.INSTANCE and _is_operator(actor):
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


def visible_events(actor: Actor) -> Q:
    """Return the filter of the events that the actor sees: of owners that they see, and more.

    A stream names its owner by text, so these texts are looked up: an owner that is gone is seen
    only by who sees all of its instance.
    """
    if _sees_all_events(actor):
        return EVERYTHING  # no condition to plan a million events by
    seen = [_events_of(kind, permission, actor) for kind, permission in SEEN_IN.items()]
    seen.append(_of_organizations(IN_ORGANIZATIONS, actor))
    if _is_operator(actor):
        seen.append(Q(stream__kind__in=OF_INSTANCES))
    return _any_of(seen)


def events_of(level: Level, instance: str, owner: str, prefix: str = "stream__") -> Q:
    """Return the filter of one owner's events: of its features, and what else is recorded of it.

    The owner may be gone: the texts are those of its streams, to which ``prefix`` leads.
    """
    kinds = [kind for kind in SEEN_IN if kind.partition(".")[0] == level.label]
    named = {"kind__in": kinds, "instance": instance, "owner": owner}
    return Q(**{f"{prefix}{name}": value for name, value in named.items()})


def streams_seen_everywhere(actor: Actor, instance: Instance) -> Q | None:
    """Return the filter of the streams whose events the actor sees, who sees nearly all there are.

    None for whoever sees some by a role on an organization: `visible_events` alone tells which.
    """
    has_organizations = any(grant.level is Level.ORGANIZATION for grant in actor.grants)
    if has_organizations or not allows(actor, SEEN_IN["user"], instance):
        return None
    if _sees_all_events(actor):
        return Q()
    seen = [_events_of(kind, permission, actor, "") for kind, permission in SEEN_IN.items()]
    if _is_operator(actor):
        seen.append(Q(kind__in=OF_INSTANCES))
    return _any_of(seen)


def sees_stream(actor: Actor, stream: Stream, instance: Instance) -> bool:
    """Whether the actor sees a stream of the instance, by what they were granted on all of it.

    Part of `visible_events`, asked without a query: what is seen by a role on an organization alone
    is not among it.
    """
    if stream.kind not in SEEN_IN:
        return _sees_all_events(actor)
    is_told = stream.kind in OF_INSTANCES and _is_operator(actor)
    above = instance if stream.instance else System()
    return is_told or allows(actor, SEEN_IN[stream.kind], above)


def changeable_events(actor: Actor) -> Q:
    """Return the filter of the features' events that the actor may take back."""
    writing = {level.label: Permission.on_features(level, Action.WRITE) for level in OWNED_LEVELS}
    changeable = [_events_of(kind, permission, actor) for kind, permission in writing.items()]
    within = {kind: writing[kind] for kind in writing if kind in IN_ORGANIZATIONS}
    return _any_of([*changeable, _of_organizations(within, actor)])


def _sees_all_events(actor: Actor) -> bool:
    everywhere = [grant.permissions for grant in actor.grants if grant.level is Level.SYSTEM]
    return any(permissions.issuperset(SEEN_IN.values()) for permissions in everywhere)


def _events_of(kind: str, permission: Permission, actor: Actor, prefix: str = "stream__") -> Q:
    """Return the filter of one kind's events where the actor holds the permission."""
    grants = [grant for grant in actor.grants if permission in grant.permissions]
    of_kind = Q(**{f"{prefix}kind": kind})
    if any(grant.level is Level.SYSTEM for grant in grants):
        return of_kind
    instances = [grant.key for grant in grants if grant.level is Level.INSTANCE]
    condition = NOTHING
    if instances:
        names = Instance.objects.filter(pk__in=instances).values("public_id")
        condition |= Q(**{f"{prefix}instance__in": names})
    return of_kind & condition


def _of_organizations(kinds: Mapping[str, Permission], actor: Actor) -> Q:
    """Return the filter of the events of organizations on which the actor may see them.

    They are few beside all that there are, so they are found before any order is looked at.
    """
    found = [
        _in_organization(kind, grant.key)
        for grant in actor.grants
        if grant.level is Level.ORGANIZATION
        for kind, permission in kinds.items()
        if permission in grant.permissions
    ]
    return Q(pk__among=Event.objects.filter(_any_of(found)).values("pk")) if found else NOTHING


def _in_organization(kind: str, key: int) -> Q:
    """Return the filter of the events of an organization, or of the users in it.

    Of their roles those that are held there: that they hold others elsewhere is not its business.
    Nothing of those who had the same id before them: they may have been somebody else's.
    """
    organizations = Organization.objects.filter(pk=key)
    owners: QuerySet[Any] = (
        organizations
        if kind.startswith(Level.ORGANIZATION.label)
        else User.objects.filter(organization=key)
    )
    since = owners.filter(
        instance__public_id=OuterRef("stream__instance"),
        public_id=OuterRef("stream__owner"),
        created_at__lte=OuterRef("created_at"),
    )
    # The streams could be left out, but they are what both databases search the events by.
    streams = Stream.objects.filter(
        kind=kind,
        instance__among=organizations.values("instance__public_id"),
        owner__among=owners.values("public_id"),
    )
    found = Q(stream__pk__among=streams.values("pk")) & Q(Exists(since))
    if kind != "user.roles":
        return found
    reference = Concat(Value("organization:"), "instance__public_id", Value("/"), "public_id")
    here = organizations.annotate(held_on=reference).values("held_on")
    return found & (Q(In(TextOf("after"), here)) | Q(In(TextOf("before"), here)))


def _any_of(conditions: Iterable[Q]) -> Q:
    return reduce(or_, conditions, NOTHING)


def _is_operator(actor: Actor) -> bool:
    return actor.user is not None and actor.user.instance_id is None
