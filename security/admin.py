"""What the security app adds to the admin: a card of the first page, and a tab of instances."""

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from access.actors import Actor
from access.models import Membership
from access.permissions import IMPERSONATOR_ROLES
from access.sites import Card, Tab, strata_site
from security import admin_views
from tenancy.levels import Level


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


_site = strata_site()
_site.cards.append(impersonation_card)
_site.add_page(
    "owner/<str:level>/<int:key>/security/", admin_views.owner_security, "owner_security"
)
_site.tabs.append(Tab("security", gettext_lazy("Security"), Level.INSTANCE, admin_views.is_shown))
