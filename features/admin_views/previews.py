"""The preview of a bulk plan, and carrying out the very plan that was looked at."""

import hashlib
from dataclasses import dataclass
from itertools import islice
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, QueryDict
from django.utils.translation import gettext as _

from access.sites import actor_of, origin_of
from access.typed import hidden_fields, reason_of
from events.models import Run
from events.services import Conflict
from features.admin_views.confirming import MANY, Question
from features.bulk.apply import Faulty, apply_at_once
from features.bulk.plan import BulkPlan, Summary
from features.bulk.wanted import PlannedChange
from tenancy.levels import OWNED_LEVELS, Level

LARGEST = 10_000  # rows that a page changes at once; the commands take any number
SHOWN = 50


@dataclass(frozen=True)
class Preview:
    """What a plan would do: in numbers, in its first rows, and as one text that names it all."""

    summary: Summary
    changes: list[PlannedChange]
    faults: list[str]
    signature: str
    turns_off: bool

    @property
    def more(self) -> int:
        """How many changes are not among those shown."""
        return self.summary.changed - len(self.changes)

    @property
    def question(self) -> Question:
        """What must be confirmed: the wider the plan, the more."""
        levels = self.summary.by_level
        is_wide = self.summary.changes_system or self.summary.owners > MANY
        widest: Level = min(levels, default=OWNED_LEVELS[-1])
        word = widest.label if is_wide else "yes"
        return Question(word, is_wide, self.turns_off, self.summary.owners)


def look_at(plan: BulkPlan) -> Preview:
    """Compute a plan and read it once: its first rows to show, all of it for the signature."""
    plan.compute()
    digest = hashlib.sha256()
    changes: list[PlannedChange] = []
    turns_off = False
    for change in plan.changes():
        digest.update(repr(change).encode())
        turns_off = turns_off or bool(change.after and change.after.value is False)
        if len(changes) < SHOWN:
            changes.append(change)
    faults = [fault.message for fault in islice(plan.faults(), SHOWN)]
    return Preview(plan.summarize(), changes, faults, digest.hexdigest()[:32], turns_off)


def carry_out(
    request: HttpRequest,
    plan: BulkPlan,
    preview: Preview,
    run: Run,
    *,
    despite_faults: bool = False,
) -> Summary | None:
    """Write the plan when it is confirmed and still is what was looked at; None: it was not."""
    if preview.faults and not despite_faults:
        return None
    if request.POST.get("seen") != preview.signature or not preview.question.is_answered(request):
        return None
    actor, origin = actor_of(request), origin_of(request, reason_of(request.POST), run.pk)
    try:
        return apply_at_once(plan, run, actor=actor, origin=origin, despite_faults=despite_faults)
    except (Conflict, Faulty):
        messages.error(request, _("Something changed meanwhile. Look again, then confirm."))
        return None


def preview_context(request: HttpRequest, preview: Preview, sent: QueryDict) -> dict[str, Any]:
    """Return what the page of a preview needs, with what was typed so far in it."""
    is_answered = preview.question.is_answered(request)
    is_second = "seen" in request.POST
    return {
        "preview": preview,
        "question": preview.question,
        "was_wrong": is_second and not is_answered,
        "was_stale": is_second and request.POST["seen"] != preview.signature,
        "hidden": hidden_fields(sent, "seen", "reason", "overwrite"),
        "reason": reason_of(sent),
    }
