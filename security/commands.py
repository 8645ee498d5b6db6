"""What the commands for security settings share."""

from typing import Any

from access.commands import find_instance
from tenancy.models import Instance

PREFIX = "instance:"


def read_instance(text: str) -> Instance:
    """Return the instance of an id, with ``instance:`` before it or without. Failed for none."""
    return find_instance(text.removeprefix(PREFIX))


def setting_text(value: Any) -> str:
    """Return a setting's value in words."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return " ".join(value) or "none"
