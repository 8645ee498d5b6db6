"""The one policy: may this actor do that to this owner? Every surface asks here."""

from django.core.exceptions import ObjectDoesNotExist, PermissionDenied

from access.actors import Actor
from access.permissions import Action, Permission
from tenancy.levels import Level
from tenancy.models import Instance, Owner, User


class MissingPermission(PermissionDenied):
    """The actor lacks a permission, which the message names."""

    def __init__(self, permission: Permission) -> None:
        super().__init__(f"missing permission {permission}")
        self.permission = permission


class UnknownOwner(ObjectDoesNotExist):
    """There is no such owner in the instance, said only to someone who may know."""


def allows(actor: Actor, permission: Permission, owner: Owner) -> bool:
    """Whether one of the actor's grants carries the permission and covers the owner."""
    return any(permission in grant.permissions and grant.covers(owner) for grant in actor.grants)


def require(actor: Actor, permission: Permission, owner: Owner) -> None:
    """Raise MissingPermission unless the policy allows it."""
    if not allows(actor, permission, owner):
        raise MissingPermission(permission)


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
            raise MissingPermission(Permission.on_features(level, Action.READ))
    else:
        require(actor, permission, owner)
    return owner


def _reading(effective: bool) -> Action:
    return Action.EFFECTIVE if effective else Action.READ


def _is_in_lineage_of(user: User, owner: Owner) -> bool:
    if owner.level is Level.INSTANCE and user.instance_id is None:
        return True
    return bool(user.lineage_keys().get(owner.level) == owner.pk)
