"""Owners as commands write them: ``system``, ``instance:ID``, ``organization:ID``, ``user:ID``.

With more than one instance the last two are ``organization:INSTANCE/ID`` and ``user:INSTANCE/ID``.
"""

from tenancy.identifiers import has_control_characters
from tenancy.levels import OWNED_LEVELS, Level
from tenancy.models import Instance, Owner, System, User
from tenancy.services import find_owner


class BadReference(ValueError):
    """A text that names no owner; the message says what to write."""


def find_by_reference(text: str) -> Owner:
    """Return the owner that a reference names, with its lineage loaded. BadReference for none."""
    if text == Level.SYSTEM.label:
        return System()
    label, colon, rest = text.partition(":")
    try:
        level = Level.from_label(label)
    except KeyError:
        level = Level.SYSTEM
    if not colon or level is Level.SYSTEM:
        forms = ", ".join(f"{level.label}:ID" for level in OWNED_LEVELS[1:])
        raise BadReference(f'"{text}" names no owner: write system, {forms}')
    if has_control_characters(rest):
        raise BadReference(f"{text!r} names no owner: ids hold no control characters")
    if level is Level.INSTANCE:
        owner: Owner | None = Instance.objects.filter(public_id=rest).first()
    else:
        owner = _find_in_instance(level, rest)
    if owner is None:
        raise BadReference(f'there is no {level.label} "{rest}"')
    return owner


def _find_in_instance(level: Level, rest: str) -> Owner | None:
    """Find an organization or a user, whose ids may themselves contain slashes."""
    prefixes = [rest[:i] for i, character in enumerate(rest) if character == "/"]
    for instance in Instance.objects.filter(public_id__in=prefixes):
        found = find_owner(instance, level, rest[len(instance.public_id) + 1 :])
        if found:
            return found
    instances = list(Instance.objects.order_by("pk")[:2])
    if len(instances) == 1 and (found := find_owner(instances[0], level, rest)):
        return found
    if level is Level.USER:
        operator = User.objects.filter(instance=None, public_id=rest).first()
        if operator:
            return operator
    if len(instances) > 1 and not prefixes:
        raise BadReference(
            f"there are several instances: write {level.label}:INSTANCE/{rest or 'ID'}"
        )
    return None
