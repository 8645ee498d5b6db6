"""What people read about the roles: one sentence each, and the levels that part a list of them."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from access.permissions import Role
from tenancy.levels import Level

ROLE_SAYS: dict[Role, Any] = {
    Role.SYSTEM_OWNER: _("Sets the system's features, defines features and keeps the instances."),
    Role.SYSTEM_OWNER_VIEWER: _("Sees the system's features and the instances."),
    Role.IAM_OWNER: _("May do everything in the instance, except to act as somebody else."),
    Role.IAM_OWNER_VIEWER: _("Sees everything in the instance and changes nothing."),
    Role.IAM_ORG_MANAGER: _("Keeps the instance's organizations and users, and their features."),
    Role.IAM_USER_MANAGER: _("Keeps the instance's users and their features."),
    Role.IAM_LOGIN_CLIENT: _("Sees the instance's features and security; for a login page."),
    Role.IAM_ADMIN_IMPERSONATOR: _("May act as anybody in the instance, role holders included."),
    Role.IAM_END_USER_IMPERSONATOR: _("May act as those in the instance who hold no role."),
    Role.ORG_OWNER: _("May do everything in the organization, except to act as somebody else."),
    Role.ORG_OWNER_VIEWER: _("Sees everything in the organization and changes nothing."),
    Role.ORG_SETTINGS_MANAGER: _("Sets the organization's own features."),
    Role.ORG_USER_MANAGER: _("Keeps the organization's users and their features."),
    Role.ORG_ADMIN_IMPERSONATOR: _("May act as anybody in the organization, also role holders."),
    Role.ORG_END_USER_IMPERSONATOR: _("May act as those in the organization who hold no role."),
}

HELD_ON = {
    Level.SYSTEM: pgettext_lazy("level", "System"),
    Level.INSTANCE: pgettext_lazy("level", "Instance"),
    Level.ORGANIZATION: pgettext_lazy("level", "Organization"),
}


def role_choices() -> list[tuple[Any, list[tuple[str, str]]]]:
    """Return the roles as a select shows them, by what they are held on."""
    return [
        (label, [(role.value, role.value) for role in Role if role.level is level])
        for level, label in HELD_ON.items()
    ]
