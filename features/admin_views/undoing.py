"""Taking changes back, after a look at what that does to the values of now."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from access.pages import page_context
from access.policy import changeable_events, visible_events
from access.sites import actor_of, origin_of
from access.typed import typed_in
from events.models import Event
from features.admin_views.history import FEATURE_KINDS, tell_success
from features.admin_views.previews import (
    LARGEST,
    carry_out,
    look_at,
    preview_context,
    reason_of,
)
from features.bulk.apply import new_run
from features.bulk.plan import plan_rows
from features.bulk.undo import interpret_undo, undo_rows
from features.bulk.wanted import Wanted
from features.definitions import Definition


def undo_event(request: HttpRequest, key: int) -> HttpResponse:
    """Show what taking one change back would do; on confirmation, do it."""
    return _undo(request, Event.objects.filter(pk=key), str(key), reverse("admin:history"))


def undo_run(request: HttpRequest, run: UUID) -> HttpResponse:
    """Show what taking all changes of one action back would do; on confirmation, do it."""
    back = reverse("admin:run_history", args=[run])
    return _undo(request, Event.objects.filter(run=run), str(run), back)


def _undo(request: HttpRequest, events: Any, what: str, back: str) -> HttpResponse:
    actor = actor_of(request)
    events = events.filter(visible_events(actor), stream__kind__in=FEATURE_KINDS)
    count = events.order_by()[: LARGEST + 1].count()
    if not count:
        raise Http404
    if count > LARGEST:
        messages.error(request, _("More than 10,000 at once are for the command features_undo."))
        return redirect(back)
    if events.filter(changeable_events(actor)).order_by().count() != count:
        messages.error(request, _("Your roles do not let you change all of this back."))
        return redirect(back)
    sent = typed_in(request) or QueryDict()
    overwrites = sent.get("overwrite") == "yes"
    origin = origin_of(request, reason_of(sent))
    run = new_run("undo", actor=actor, origin=origin, undoes=what)
    interpret = _interpret_anyway if overwrites else interpret_undo
    with plan_rows(undo_rows(events), interpret) as plan:
        preview = look_at(plan)
        # What has moved on is left alone; the page says so.
        if summary := carry_out(request, plan, preview, run, despite_faults=True):
            text = ngettext(
                "%(count)d change undone.", "%(count)d changes undone.", summary.changed
            )
            tell_success(request, text % {"count": summary.changed}, run.pk)
            return redirect(back)
    context = page_context(request, _("Undo"), back=back, is_undo=True, overwrites=overwrites)
    context |= preview_context(request, preview, sent)
    return TemplateResponse(request, "admin/features/preview.html", context)


def _interpret_anyway(definition: Definition, text: str) -> Wanted:
    """Restore what was, whatever is there now."""
    return replace(interpret_undo(definition, text), expects=None)
