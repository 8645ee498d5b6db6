"""What happened: of an owner, of a feature, of a run, of everything that one may see."""

from typing import Any
from uuid import UUID

from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from access.pages import find_owner_or_404, owner_context, page_context
from access.policy import events_of, visible_events
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
    return _show(request, visible_events(actor_of(request)), context)


def owner_history(request: HttpRequest, level: str, key: int) -> HttpResponse:
    """Show the changes of one owner: its features, and what else is recorded about it."""
    actor = actor_of(request)
    owner = find_owner_or_404(actor, level, key)
    stream = StreamKey.of(owner)
    of_owner = events_of(owner.level, stream.instance, stream.owner)
    condition = of_owner & visible_events(actor)
    context = owner_context(request, actor, owner, "history")
    return _show(request, condition, context)


def run_history(request: HttpRequest, run: UUID) -> HttpResponse:
    """Show all changes of one action."""
    condition = Q(run=run) & visible_events(actor_of(request))
    if not Event.objects.filter(condition).exists():
        raise Http404
    context = page_context(request, _("One action"), run=run)
    return _show(request, condition, context)


def _show(request: HttpRequest, condition: Q, context: dict[str, Any]) -> HttpResponse:
    """Show a page of events, newest first; the next one begins below its last."""
    feature = request.GET.get("feature", "").strip()
    surface = request.GET.get("surface", "")
    who = request.GET.get("who", "").strip()
    before = request.GET.get("before", "")
    rows = Event.objects.filter(condition).select_related("stream").order_by("-pk")
    if feature:
        rows = rows.filter(subject=feature)
    if surface in Surface.values:
        rows = rows.filter(surface=surface)
    if who:
        rows = rows.filter(Q(actor_name=who) | Q(actor_id=who))
    if newest := read_key(before):
        rows = rows.filter(pk__lt=newest)
    events = list(rows[: ROWS_A_PAGE + 1])
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
