"""Owners as the management API writes them: system, instance, organization:ID, user:ID."""

from django.core.exceptions import ValidationError

from access.callers import Caller
from access.owners import find_permitted_owner
from access.permissions import Action
from tenancy.levels import Level
from tenancy.models import Owner


def read_reference(text: object) -> tuple[Level, str]:
    """Return level and id of a reference within the caller's instance. ValidationError for none."""
    label, _, public_id = (text if isinstance(text, str) else "").partition(":")
    try:
        return Level.from_label(label), public_id
    except KeyError:
        raise ValidationError(
            {"owner": "write system, instance, organization:ID or user:ID"}
        ) from None


def find_referenced(caller: Caller, text: object, action: Action) -> Owner:
    """Return the owner that a reference means, if the caller may do that to its features."""
    level, public_id = read_reference(text)
    return find_permitted_owner(caller, action, level, public_id)
