"""What happened: of an owner, of a feature, of a run, of everything that one may see."""

from collections.abc import Sequence
from itertools import chain
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from access.pages import find_owner_or_404, owner_context, page_context
from access.policy import streams_of, visible_events
from access.sites import actor_of
from events.models import Event, Surface
from events.services import StreamKey
from tenancy.identifiers import read_key
from tenancy.levels import OWNED_LEVELS

ROWS_A_PAGE = 50
TAKES = ("feature", "surface", "who", "before")
FEATURE_KINDS = {level.label for level in OWNED_LEVELS}


def history(request: HttpRequest) -> HttpResponse:
    """Show the last changes of everything that the actor sees."""
    context = page_context(request, _("History"))
    return _show(request, [Event.objects.filter(visible_events(actor_of(request)))], context)


def owner_history(request: HttpRequest, level: str, key: int) -> HttpResponse:
    """Show the changes of one owner: its features, and what else is recorded about it."""
    actor = actor_of(request)
    owner = find_owner_or_404(actor, level, key)
    stream = StreamKey.of(owner)
    streams = streams_of(owner.level, stream.instance, stream.owner)
    seen = Event.objects.filter(visible_events(actor, finds=False))
    # Each is in order for itself: together they would be sorted, however long they are.
    parts = [seen.filter(stream=key) for key in streams.values_list("pk", flat=True)]
    context = owner_context(request, actor, owner, "history")
    return _show(request, parts, context)


def run_history(request: HttpRequest, run: UUID) -> HttpResponse:
    """Show all changes of one action."""
    events = Event.objects.filter(visible_events(actor_of(request)), run=run)
    if not events.exists():
        raise Http404
    context = page_context(request, _("One action"), run=run)
    return _show(request, [events], context)


def _show(
    request: HttpRequest, parts: Sequence[QuerySet[Event]], context: dict[str, Any]
) -> HttpResponse:
    """Show a page of all parts' events, newest first; the next one begins below its last."""
    feature = request.GET.get("feature", "").strip()
    surface = request.GET.get("surface", "")
    who = request.GET.get("who", "").strip()
    before = request.GET.get("before", "")
    asked = Q()
    if feature:
        asked &= Q(subject=feature)
    if surface in Surface.values:
        asked &= Q(surface=surface)
    if who:
        asked &= Q(actor_name=who) | Q(actor_id=who)
    if newest := read_key(before):
        asked &= Q(pk__lt=newest)
    pages = [
        part.filter(asked).select_related("stream").order_by("-pk")[: ROWS_A_PAGE + 1]
        for part in parts
    ]
    events = sorted(chain(*pages), key=lambda event: event.pk, reverse=True)[: ROWS_A_PAGE + 1]
    context |= {
        "events": events[:ROWS_A_PAGE],
        "next": events[ROWS_A_PAGE - 1].pk if len(events) > ROWS_A_PAGE else None,
        "feature": feature,
        "surface": surface,
        "surfaces": Surface,
        "who": who,
        "before": before,
    }
    return TemplateResponse(request, "admin/features/history.html", context)
