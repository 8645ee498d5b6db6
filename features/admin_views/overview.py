"""The first page: where to go, what happened last, what needs attention."""

from collections.abc import Iterable
from datetime import date
from typing import Any, cast

from axes.models import AccessAttempt
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from access.actors import Actor
from access.pages import COUNTED, OWNERS, page_context, page_of, shown_count
from access.policy import OVERRIDE_PATHS, visible, visible_events
from access.sites import Card, Notice, actor_of, strata_site
from events.models import Event
from features.definitions import current_definitions
from features.models import OVERRIDES, Feature, Stage
from tenancy.levels import Level
from tenancy.models import System

LAST_CHANGES = 8
LOOKED_AT = 10_000  # overrides, when the most frequent ones are sought
MANY_PLACES = 100


def overview(request: HttpRequest) -> HttpResponse:
    """Show the cards, the last changes and what needs attention, as far as the actor sees them."""
    actor = actor_of(request)
    site = strata_site()
    events = Event.objects.filter(visible_events(actor)).select_related("stream").order_by("-pk")
    context = page_context(
        request,
        _("Overview"),
        cards=[card for make in site.cards if (card := make(actor))],
        notices=[notice for find in site.attentions for notice in find(actor)],
        events=events[:LAST_CHANGES],
    )
    return TemplateResponse(request, "admin/index.html", context)


def tenants_card(actor: Actor) -> Card | None:
    """The tenants that somebody begins with: the widest ones that they see."""
    lines = [(str(_("System settings")), page_of(System()), "")] if _sees_system(actor) else []
    titles = {
        Level.INSTANCE: _("Instances"),
        Level.ORGANIZATION: _("Organizations"),
        Level.USER: _("Users"),
    }
    for level, title in titles.items():
        seen = OWNERS[level].filter(visible(actor, level))
        if rows := list(seen[:5]):
            lines += [(str(row), page_of(row), row.public_id) for row in rows]
            url = reverse(f"admin:tenancy_{level.label}_changelist")
            return Card(title, url, level.label, shown_count(seen[:COUNTED].count()), lines)
    title = pgettext("level", "System")
    return Card(title, page_of(System()), "system", "", lines) if lines else None


def features_card(_actor: Actor) -> Card:
    """How many features there are, by stage."""
    definitions = current_definitions().ordered
    url = reverse("admin:features_feature_changelist")
    lines = []
    for stage in Stage:
        count = sum(definition.stage is stage for definition in definitions)
        if count:
            lines.append((str(stage.label).capitalize(), f"{url}?stage={stage.value}", str(count)))
    return Card(_("Features"), url, "feature", str(len(definitions)), lines)


def features_needing_attention(actor: Actor) -> Iterable[Notice]:
    """Name the features that should be gone, and those that are overridden in many places."""
    today = timezone.localdate()
    for feature in Feature.objects.filter(expires_on__lt=today, archived_at=None)[:5]:
        text = _("“%(name)s” was to be removed by %(date)s") % {
            "name": feature.shown_name,
            "date": date_format(cast("date", feature.expires_on), pgettext("date", "j F Y")),
        }
        yield Notice(text, reverse("admin:features_feature_change", args=[feature.pk]))
    yield from _overridden_in_many_places(actor)


def failed_sign_ins(actor: Actor) -> Iterable[Notice]:
    """Name the last failed sign-ins, to those who may everything."""
    if actor.user is None or not actor.user.is_superuser:
        return
    for attempt in AccessAttempt.objects.order_by("-attempt_time")[:3]:
        text = _("%(count)s failed sign-ins as “%(name)s” from %(address)s") % {
            "count": attempt.failures_since_start,
            "name": attempt.username,
            "address": attempt.ip_address,
        }
        yield Notice(text, "")


def _overridden_in_many_places(actor: Actor) -> Iterable[Notice]:
    """Look at so many overrides as an index has together: it costs the same with a million.

    A feature that fills these has to be looked at first anyway.
    """
    for level in (Level.ORGANIZATION, Level.USER):
        model: Any = OVERRIDES[level]
        looked_at = (
            model.objects.filter(visible(actor, level, paths=OVERRIDE_PATHS))
            .order_by("feature_id", "pk")
            .values("pk")[:LOOKED_AT]
        )
        frequent = (
            model.objects.filter(pk__in=looked_at)
            .order_by()
            .values("feature", "feature__name", "feature__builtin")
            .annotate(places=Count("pk"))
            .filter(places__gt=MANY_PLACES)
            .order_by("-places")[:3]
        )
        for row in frequent:
            text = _("“%(name)s” is overridden in %(count)s places at %(level)s level") % {
                "name": _(row["feature__name"])
                if row["feature__builtin"]
                else row["feature__name"],
                "count": row["places"],
                "level": _(level.label),
            }
            yield Notice(text, reverse("admin:features_feature_change", args=[row["feature"]]))


def _sees_system(actor: Actor) -> bool:
    return System.objects.filter(visible(actor, Level.SYSTEM)).exists()
