"""Changing many overrides at once: what was marked, a preview, one confirmation."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from access.actors import Actor
from access.pages import page_context
from access.policy import writable
from access.sites import actor_of, origin_of
from events.services import Conflict
from features.admin_views.confirming import MANY, Question
from features.admin_views.history import tell_success
from features.admin_views.overriding import OWNED_BY, chosen_level, filtered, seen_levels
from features.bulk.apply import Faulty, apply_at_once, new_run
from features.bulk.plan import BulkPlan, Summary, plan_rows
from features.bulk.wanted import Action, Interpret, OwnerKey, PlannedChange, Row, Wanted
from features.definitions import Definition
from features.kinds import InvalidValue
from tenancy.levels import Level

LARGEST = 10_000  # rows that a page changes at once; the command takes any number
SHOWN = 50
ACTIONS = {action.value: action for action in Action if action is not Action.NOTHING}


@dataclass(frozen=True)
class Preview:
    """What a bulk action would do, in numbers, in its first rows and as one text."""

    summary: Summary
    changes: list[PlannedChange]
    faults: list[str]
    signature: str
    turns_off: bool


def bulk_overrides(request: HttpRequest) -> HttpResponse:
    """Show what an action on the marked overrides would do; on confirmation, do it."""
    actor = actor_of(request)
    query = QueryDict(request.POST.get("query", ""))
    level = chosen_level(query.get("level", ""), seen_levels(actor))
    back = f"{reverse('admin:overrides')}?{query.urlencode()}"
    action = ACTIONS.get(request.POST.get("action", ""))
    rows = _marked(request, actor, level, query)
    if request.method != "POST" or action is None or not rows:
        messages.error(request, _("Mark some overrides and choose what is to be done with them."))
        return redirect(back)
    if len(rows) > LARGEST:
        messages.error(request, _("More than 10,000 at once are for the command features_bulk."))
        return redirect(back)
    text = request.POST.get("value", "")
    run = new_run("bulk", actor=actor, origin=origin_of(request, _reason(request)))
    with plan_rows(rows, _reader_of(action, text)) as plan:
        plan.compute()
        preview = _look_at(plan)
        question = _question(level, preview)
        is_same = request.POST.get("seen") == preview.signature
        if question.is_answered(request) and is_same and not preview.faults:
            try:
                origin = origin_of(request, _reason(request), run.pk)
                summary = apply_at_once(plan, run, actor=actor, origin=origin)
            except (Conflict, Faulty):
                messages.error(request, _("Something changed meanwhile. Look again, then confirm."))
            else:
                done = ngettext(
                    "%(count)d change made.", "%(count)d changes made.", summary.changed
                )
                tell_success(request, done % {"count": count}, run.pk)
                return redirect(back)
    context = page_context(
        request,
        _("Change many overrides"),
        preview=preview,
        question=question,
        was_wrong="seen" in request.POST and not question.is_answered(request),
        was_stale="seen" in request.POST and not is_same,
        hidden=_again(request),
        more=preview.summary.changed - len(preview.changes),
        reason=_reason(request),
        back=back,
    )
    return TemplateResponse(request, "admin/features/bulk.html", context)


def _marked(request: HttpRequest, actor: Actor, level: Level, query: Any) -> list[Row]:
    """Return a row for each marked override that the actor may change: all, or those ticked."""
    rows = filtered(query, actor, level).filter(writable(actor, level, "owner__"))
    if request.POST.get("all") != "yes":
        keys = [key for key in request.POST.getlist("pick") if key.isdecimal() and len(key) < 19]
        rows = rows.filter(pk__in=keys[:LARGEST])
    found = rows.select_related("feature", *OWNED_BY[level]).order_by("pk")[: LARGEST + 1]
    return [
        Row(line, level.label, _key_of(row.owner), row.feature.key, "")
        for line, row in enumerate(found, start=1)
    ]


def _key_of(owner: Any) -> OwnerKey:
    home = owner.instance_or_none
    is_inside = home is not None and home != owner
    return OwnerKey(home.pk if is_inside else None, owner.public_id)


def _reader_of(action: Action, text: str) -> Interpret:
    """Return what turns each row into what is wanted: the same for all of them."""

    def read(definition: Definition, _text: str) -> Wanted:
        if action is not Action.SET:
            return Wanted(action)
        if not text.strip():
            raise InvalidValue(("", _("needs a value")))
        return Wanted(action, definition.kind.parse_text(text))

    return read


def _look_at(plan: BulkPlan) -> Preview:
    """Read the whole plan once: its first rows to show, all of it for the signature."""
    digest = hashlib.sha256()
    changes: list[PlannedChange] = []
    turns_off = False
    for change in plan.changes():
        digest.update(repr(change).encode())
        turns_off = turns_off or bool(change.after and change.after.value is False)
        if len(changes) < SHOWN:
            changes.append(change)
    faults = [fault.message for fault in _first(plan.faults())]
    return Preview(plan.summarize(), changes, faults, digest.hexdigest()[:32], turns_off)


def _first(faults: Iterable[Any]) -> Iterator[Any]:
    return islice(faults, SHOWN)


def _question(level: Level, preview: Preview) -> Question:
    is_wide = level is Level.SYSTEM or preview.summary.owners > MANY
    word = level.label if is_wide else "yes"
    return Question(word, is_wide, preview.turns_off, preview.summary.owners)


def _again(request: HttpRequest) -> list[tuple[str, str]]:
    left_out = {"csrfmiddlewaretoken", "confirm", "seen", "reason"}
    return [
        (name, text)
        for name, texts in request.POST.lists()
        if name not in left_out
        for text in texts
    ]


def _reason(request: HttpRequest) -> str:
    return str(request.POST.get("reason", "")).strip()[:1000]
