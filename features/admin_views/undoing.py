"""Taking changes back, after a look at what that does to the values of now."""

from typing import Any
from uuid import UUID, uuid4

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from access.actors import Actor
from access.pages import may_write, page_context
from access.policy import visible_events
from access.sites import actor_of, origin_of
from events.models import Event
from events.services import Conflict, StreamMoved
from features.admin_views.history import FEATURE_KINDS, tell_success
from features.undo import UndoPlan, apply_undo, plan_undo

SHOWN = 200


def undo_event(request: HttpRequest, key: int) -> HttpResponse:
    """Show what taking one change back would do; on confirmation, do it."""
    events = _visible(actor_of(request)).filter(pk=key)
    return _undo(request, list(events), reverse("admin:history"))


def undo_run(request: HttpRequest, run: UUID) -> HttpResponse:
    """Show what taking all changes of one action back would do; on confirmation, do it."""
    events = _visible(actor_of(request)).filter(run=run).order_by("pk")[: SHOWN + 1]
    return _undo(request, list(events), reverse("admin:run_history", args=[run]))


def _visible(actor: Actor) -> Any:
    return Event.objects.filter(
        visible_events(actor), stream__kind__in=FEATURE_KINDS
    ).select_related("stream")


def _undo(request: HttpRequest, events: list[Event], back: str) -> HttpResponse:
    if not events:
        raise Http404
    actor = actor_of(request)
    plans = plan_undo(events)
    refused = [plan for plan in plans if plan.owner is None or not may_write(actor, plan.owner)]
    count = sum(len(plan.changes) for plan in plans)
    is_too_large = len(events) > SHOWN
    moved = any(row.has_moved for plan in plans for row in plan.rows)
    if request.method == "POST" and count and not refused and not is_too_large:
        if moved and not request.POST.get("overwrite"):
            messages.error(request, _("Tick the box to put the old value in place of a newer one."))
        elif _signature(plans) != request.POST.get("seen"):
            messages.error(request, _("Something changed meanwhile. Look again, then confirm."))
        else:
            run = uuid4()
            reason = request.POST.get("reason", "").strip()[:1000]
            try:
                apply_undo(plans, actor=actor, origin=origin_of(request, reason, run))
            except (StreamMoved, Conflict):
                messages.error(request, _("Something changed meanwhile. Look again, then confirm."))
            else:
                text = ngettext("%(count)d change undone.", "%(count)d changes undone.", count)
                tell_success(request, text % {"count": count}, run)
                return redirect(back)
        return redirect(request.path)
    context = page_context(
        request,
        _("Undo"),
        plans=plans,
        refused=refused,
        count=count,
        moved=moved,
        seen=_signature(plans),
        back=back,
        is_too_large=is_too_large,
    )
    return TemplateResponse(request, "admin/features/undo.html", context)


def _signature(plans: list[UndoPlan]) -> str:
    """Return where all the owners stood when the preview was made."""
    return ",".join(f"{plan.reference}@{plan.sequence}" for plan in plans)
