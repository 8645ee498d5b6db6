"""Taking changes back, after a look at what that does to the state of now."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from access import undoing
from access.actors import Actor
from access.pages import page_context, tell_success
from access.policy import MissingPermission, changeable_events, visible_events
from access.sites import actor_of, origin_of
from access.typed import reason_of, typed_in
from access.undoing import UndoPlan, carry_out_undo, plan_undo
from events.models import Event
from events.runs import new_run
from events.services import Conflict
from features.admin_views.confirming import Question
from features.admin_views.previews import (
    LARGEST,
    carry_out,
    look_at,
    preview_context,
)
from features.bulk.plan import plan_rows
from features.bulk.reach import Reach
from features.bulk.undo import FEATURE_KINDS, interpret_undo, undo_rows
from features.bulk.wanted import Wanted
from features.definitions import Definition


def undo_event(request: HttpRequest, key: int) -> HttpResponse:
    """Show what taking one change back would do; on confirmation, do it."""
    return _undo(request, Event.objects.filter(pk=key), str(key), reverse("admin:history"))


def undo_run(request: HttpRequest, run: UUID) -> HttpResponse:
    """Show what taking all changes of one action back would do; on confirmation, do it."""
    back = reverse("admin:run_history", args=[run])
    return _undo(request, Event.objects.filter(run=run), str(run), back)


def _undo(request: HttpRequest, events: QuerySet[Event], what: str, back: str) -> HttpResponse:
    """Take back the features' values among the events, or what else they are about."""
    events = events.filter(visible_events(actor_of(request)))
    of_features = events.filter(stream__kind__in=FEATURE_KINDS)
    if of_features.exists():
        return _undo_features(request, of_features, what, back)
    return _undo_others(request, events, what, back)


def _undo_features(
    request: HttpRequest, events: QuerySet[Event], what: str, back: str
) -> HttpResponse:
    actor = actor_of(request)
    count = events.order_by()[: LARGEST + 1].count()
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
    # An id may be another owner's by now, whom the actor may not change.
    with plan_rows(undo_rows(events), interpret, reach=Reach(actor)) as plan:
        preview = look_at(plan)
        # What has moved on is left alone; the page says so.
        if summary := carry_out(request, plan, preview, run, despite_faults=True):
            _tell_undone(request, summary.changed, run.pk)
            return redirect(back)
    context = page_context(request, _("Undo"), back=back, is_undo=True, overwrites=overwrites)
    context |= preview_context(request, preview, sent)
    return TemplateResponse(request, "admin/features/preview.html", context)


def _interpret_anyway(definition: Definition, text: str) -> Wanted:
    """Restore what was, whatever is there now."""
    return replace(interpret_undo(definition, text), expects=None)


def _undo_others(
    request: HttpRequest, events: QuerySet[Event], what: str, back: str
) -> HttpResponse:
    actor = actor_of(request)
    count = events.order_by()[: undoing.LARGEST + 1].count()
    if not count:
        raise Http404
    if count > undoing.LARGEST:
        messages.error(request, _("More than 1,000 at once are for the command features_undo."))
        return redirect(back)
    sent = typed_in(request) or QueryDict()
    overwrites = sent.get("overwrite") == "yes"

    def read() -> UndoPlan:
        return plan_undo(events, permitted_to=actor, overwrites=overwrites)

    try:
        plan = read()
    except MissingPermission:
        messages.error(request, _("Your roles do not let you change all of this back."))
        return redirect(back)
    question = _question_about(plan)
    is_confirmed = bool(plan.steps) and question.is_answered(request)
    if is_confirmed and request.POST.get("seen") == plan.signature:
        if _carry_out_others(request, actor, read, what, plan.signature):
            return redirect(back)
        return redirect(request.path)
    context = page_context(
        request,
        _("Undo"),
        back=back,
        plan=plan,
        question=question,
        overwrites=overwrites,
        was_wrong="seen" in request.POST and not question.is_answered(request),
        was_stale=request.POST.get("seen", plan.signature) != plan.signature,
        reason=reason_of(sent),
    )
    return TemplateResponse(request, "admin/features/undo.html", context)


def _carry_out_others(
    request: HttpRequest, actor: Actor, read: Callable[[], UndoPlan], what: str, seen: str
) -> bool:
    """Do it, and say so; False when it was refused, with the reason in a message."""
    origin = origin_of(request, reason_of(request.POST))
    try:
        plan, run = carry_out_undo(read, what=what, actor=actor, origin=origin, seen=seen)
    except Conflict:
        messages.error(request, _("Something changed meanwhile. Look again, then confirm."))
        return False
    except ValidationError as error:
        messages.error(request, _("Nothing was changed: %(why)s") % {"why": _sentences(error)})
        return False
    if run:
        _tell_undone(request, len(plan.steps), run.pk)
    return True


def _sentences(error: ValidationError) -> str:
    """Return what a service refused, each reason with the field that it is about."""
    if not hasattr(error, "error_dict"):
        return " ".join(error.messages)
    return "; ".join(f"{name}: {' '.join(reasons)}" for name, reasons in error.message_dict.items())


def _question_about(plan: UndoPlan) -> Question:
    """Ask for a word where the page that makes such a change by hand asks for it."""
    return Question(plan.word or "yes", bool(plan.word), turns_off=bool(plan.word), below=0)


def _tell_undone(request: HttpRequest, count: int, run: Any) -> None:
    text = ngettext("%(count)d change undone.", "%(count)d changes undone.", count)
    tell_success(request, text % {"count": count}, run)
