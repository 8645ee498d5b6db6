"""The owners that a caller means, found only for those who may do what they ask for."""

from django.core.exceptions import ValidationError

from access.callers import Caller
from access.permissions import Action, Permission
from access.policy import UnknownOwner, require, require_on_features
from tenancy.identifiers import validate_public_id
from tenancy.levels import Level
from tenancy.models import Instance, Owner, System, User
from tenancy.services import find_owner


def find_permitted_owner(
    caller: Caller, action: Action, level: Level, public_id: str = ""
) -> Owner:
    """Return the owner of that level and id if the caller may do ``action`` to its features.

    MissingPermission comes before everything that would tell whether there is such an owner:
    ValidationError for what is no id, UnknownOwner.
    """
    if level in {Level.ORGANIZATION, Level.USER}:
        try:
            validate_public_id(public_id)
        except ValidationError as error:
            require(caller.actor, Permission.on_features(level, action), caller.instance)
            raise ValidationError({f"{level.label}Id": error.messages}) from None
    owner = find_owner(caller.instance, level, public_id)
    if owner is None and level is Level.USER:
        owner = _operator_themselves(caller, public_id)
    return require_on_features(caller.actor, action, owner, level=level, instance=caller.instance)


def find_permitted_instance(caller: Caller, instance_id: str) -> Instance:
    """Return any instance, for a caller who may write the system's features."""
    require(caller.actor, Permission.on_features(Level.SYSTEM, Action.WRITE), System())
    try:
        validate_public_id(instance_id)
    except ValidationError as error:
        raise ValidationError({"instanceId": error.messages}) from None
    instance = Instance.objects.filter(public_id=instance_id).first()
    if instance is None:
        raise UnknownOwner("instance not found")
    return instance


def _operator_themselves(caller: Caller, public_id: str) -> User | None:
    """Return the caller when they are the operator of that id, who belongs to no instance."""
    user = caller.actor.user
    is_operator = user is not None and user.instance_id is None
    return user if user and is_operator and user.public_id == public_id else None
