"""What people read about an event: what happened, in words."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from events.models import Event

HAPPENED: dict[str, Any] = {
    "definition.created": _("Feature defined"),
    "definition.changed": _("Definition changed"),
    "definition.archived": _("Feature archived"),
    "definition.restored": _("Feature restored"),
    "security.set": _("Security changed"),
    "clients.created": _("API client made"),
    "clients.features_set": _("Client features changed"),
    "clients.networks_set": _("Networks changed"),
    "clients.description_set": _("Description changed"),
    "clients.expiry_set": _("Expiry changed"),
    "clients.secret_reset": _("New secret"),
    "clients.disabled": _("Disabled"),
    "clients.enabled": _("Enabled"),
    "clients.deleted": _("API client deleted"),
    "roles.granted": _("Role granted"),
    "roles.revoked": _("Role taken away"),
    "tenants.created": pgettext_lazy("event", "Made"),
    "tenants.changed": pgettext_lazy("event", "Changed"),
    "tenants.deleted": pgettext_lazy("event", "Deleted"),
    "tenants.password_set": _("Password set"),
    "tokens.issued": _("Token issued"),
    "tokens.revoked": _("Token ended"),
    "impersonation.started": _("Impersonation began"),
    "impersonation.ended": _("Impersonation ended"),
}

# What an event holds of something that was made or changed, by its name there.
NAMED: dict[str, Any] = {
    "client": pgettext_lazy("of an event", "API client"),
    "default": pgettext_lazy("of an event", "default"),
    "description": pgettext_lazy("of an event", "description"),
    "enabled": pgettext_lazy("of an event", "enabled"),
    "expires": pgettext_lazy("of an event", "expires"),
    "expires_on": pgettext_lazy("of an event", "to be removed by"),
    "features": pgettext_lazy("of an event", "features"),
    "impersonator": pgettext_lazy("of an event", "impersonator"),
    "kind": pgettext_lazy("of an event", "kind"),
    "levels": pgettext_lazy("of an event", "levels"),
    "name": pgettext_lazy("of an event", "name"),
    "networks": pgettext_lazy("of an event", "networks"),
    "options": pgettext_lazy("of an event", "options"),
    "permissions": pgettext_lazy("of an event", "permissions"),
    "stage": pgettext_lazy("of an event", "stage"),
    "subject": pgettext_lazy("of an event", "subject"),
}


def happened(event: Event) -> str:
    """Return what an event is, where it is about no feature's value; its type where none knows."""
    return str(HAPPENED.get(event.type, event.type))
