"""What the security app adds to the admin's first page."""

from django.urls import reverse
from django.utils.translation import gettext as _

from access.actors import Actor
from access.models import Membership
from access.permissions import IMPERSONATOR_ROLES
from access.sites import Card, strata_site


def impersonation_card(actor: Actor) -> Card | None:
    """Lead those who hold a role for it to the people whom they may impersonate."""
    if actor.impersonator or actor.user is None:
        return None
    held = Membership.objects.filter(user=actor.user, role__in=IMPERSONATOR_ROLES)
    url = reverse("impersonation")
    lines = [
        (str(_("Choose somebody on %(place)s") % {"place": membership.owner}), url, "")
        for membership in held.select_related("instance", "organization__instance")
    ]
    return Card(_("Impersonation"), url, "user", "", lines) if lines else None


strata_site().cards.append(impersonation_card)
