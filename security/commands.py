"""What the commands for security settings share."""

from typing import Any

from access.commands import Failed
from tenancy.models import Instance

PREFIX = "instance:"


def find_instance(text: str) -> Instance:
    """Return the instance of an id, with ``instance:`` before it or without. Failed for none."""
    public_id = text.removeprefix(PREFIX)
    instance = Instance.objects.filter(public_id=public_id).first()
    if instance is None:
        raise Failed(f'there is no instance "{public_id}"')
    return instance


def setting_text(value: Any) -> str:
    """Return a setting's value in words."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return " ".join(value) or "none"
