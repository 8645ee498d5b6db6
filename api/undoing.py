"""Taking changes back over the API: looked at first, then done exactly as it was looked at."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import Http404
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from access import undoing
from access.permissions import Action, Permission
from access.policy import MissingPermission, changeable_events
from access.undoing import Final, UndoPlan, Way, carry_out_undo, plan_undo, way_of
from api.serializers import FlagField, StrictSerializer, TextField, parse
from events.models import Event, Run
from events.runs import new_run
from events.services import PreconditionFailed
from features.bulk.apply import Faulty, apply_at_once
from features.bulk.exclusive import wait_for_turn
from features.bulk.plan import BulkPlan, Summary, plan_rows
from features.bulk.reach import Reach
from features.bulk.undo import FEATURE_KINDS, interpret_undo, undo_rows
from features.bulk.wanted import PlannedChange
from tenancy.levels import Level

LARGEST = 10_000  # events at once; the commands take any number
MOVED_ON = "the plan is another one by now: look at it again"
SHOWN = 1000  # changes and errors that an answer lists


class OptionsSerializer(StrictSerializer):
    """How a plan is to be carried out."""

    dry_run = FlagField(required=False)
    seen = TextField(required=False, max_length=64)
    reason = TextField(required=False, allow_blank=True, max_length=1000)


@dataclass(frozen=True)
class Options:
    """Whether to write, the signature of the plan that was looked at, and why."""

    dry_run: bool = False
    seen: str = ""
    reason: str = ""


class BulkMixin(ViewSet):
    """For views that write many owners: one bulk change at a time, asked before a transaction."""

    def _once(self, key: str, handler: Callable[..., Response]) -> Callable[..., Response]:
        once = super()._once(key, handler)  # type: ignore[misc]

        def wait(*args: Any, **kwargs: Any) -> Response:
            with wait_for_turn():
                answer: Response = once(*args, **kwargs)
                return answer

        return wait


def read_options(body: Mapping[str, Any]) -> Options:
    """Return the options of a body. ValidationError names every bad field."""
    return Options(**parse(OptionsSerializer, body))


def undo(view: Any, events: QuerySet[Event], what: str) -> Response:
    """Take events back, leaving alone what was changed again since, and answer with the plan."""
    of_features = events.filter(stream__kind__in=FEATURE_KINDS)
    if not of_features.exists():
        return _undo_others(view, events, what)
    events = of_features
    count = _count(events, LARGEST)
    if events.filter(changeable_events(view.actor)).order_by().count() != count:
        raise MissingPermission(Permission.on_features(_nearest(events), Action.WRITE))
    options = read_options(view.body())
    # An id may be another owner's by now, whom the caller may not change.
    with plan_rows(undo_rows(events), interpret_undo, reach=Reach(view.actor)) as plan:
        return answer_plan(view, plan, options, kind="undo", undoes=what, despite_faults=True)


def _undo_others(view: Any, events: QuerySet[Event], what: str) -> Response:
    """Take back events that are about no feature's value. ValidationError for what is final."""
    if not _count(events, undoing.LARGEST):
        raise Http404("event not found")
    whys = [way.why if isinstance(way, Final) else "" for way in _ways_of(events)]
    if all(whys):
        raise ValidationError(" ".join(dict.fromkeys(map(str, whys))))
    options = read_options(view.body())

    def read() -> UndoPlan:
        return plan_undo(events, permitted_to=view.actor)

    run = None
    if options.dry_run:
        plan = read()
        if options.seen and options.seen != plan.signature:
            raise PreconditionFailed(MOVED_ON)
    else:
        origin = replace(view.origin, reason=options.reason)
        plan, run = carry_out_undo(
            read, what=what, actor=view.actor, origin=origin, seen=options.seen
        )
    answer: Response = view.answer(_render_undo(plan, run, dry_run=options.dry_run))
    return answer


def _ways_of(events: QuerySet[Event]) -> list[Way]:
    types = events.order_by().values_list("type", flat=True).distinct()
    return [way_of(event_type) for event_type in types]


def _count(events: QuerySet[Event], largest: int) -> int:
    """Return how many events there are. ValidationError for more than a request takes back."""
    count = events.order_by()[: largest + 1].count()
    if count > largest:
        raise ValidationError(f"it has more than {largest} events: use the command features_undo")
    return count


def _render_undo(plan: UndoPlan, run: Run | None, *, dry_run: bool) -> dict[str, Any]:
    """Return the answer of an undo, in the form of a bulk plan's."""
    return {
        "dry_run": dry_run,
        "run": str(run.pk) if run else None,
        "seen": plan.signature,
        "summary": {
            "changed": len(plan.steps),
            "unchanged": plan.unchanged,
            "errors": len(plan.faults),
            "owners": len(plan.stood),
            "levels": {},
        },
        "changes": [
            {
                "event": event.pk,
                "stream": str(event.stream),
                "type": event.type,
                "name": state.name,
                "before": state.now,
                "after": state.before,
            }
            for event, state in plan.changes
        ],
        "errors": [
            {"row": fault.line, "code": fault.code, "message": fault.message}
            for fault in plan.faults
        ],
    }


def answer_plan(
    view: Any,
    plan: BulkPlan,
    options: Options,
    *,
    kind: str,
    undoes: str = "",
    despite_faults: bool = False,
) -> Response:
    """Say what a plan does and, unless it is a dry run, do it.

    PreconditionFailed when ``seen`` names another plan than this; with faults nothing is written.
    """
    plan.compute()
    digest = hashlib.sha256()
    changes: list[dict[str, Any]] = []
    for change in plan.changes():
        digest.update(repr(replace(change, line=0)).encode())
        if len(changes) < SHOWN:
            changes.append(_render_change(change))
    signature = digest.hexdigest()[:32]
    summary = plan.summarize()
    faults = [
        {"row": fault.line, "code": fault.code, "message": fault.message}
        for fault, _ in zip(plan.faults(), range(SHOWN), strict=False)
    ]
    run = None
    if not options.dry_run and not despite_faults and faults:
        raise ValidationError({f"rows[{fault['row']}]": fault["message"] for fault in faults})
    if options.seen and options.seen != signature:
        raise PreconditionFailed(MOVED_ON)
    if not options.dry_run and summary.changed:
        run = new_run(kind, actor=view.actor, origin=view.origin, undoes=undoes)
        origin = replace(view.origin, run=run.pk, reason=options.reason)
        run.reason = options.reason
        try:
            summary = apply_at_once(
                plan, run, actor=view.actor, origin=origin, despite_faults=despite_faults
            )
        except Faulty as error:
            raise PreconditionFailed("something changed meanwhile: look again") from error
    answer: Response = view.answer(
        {
            "dry_run": options.dry_run,
            "run": str(run.pk) if run else None,
            "seen": signature,
            "summary": _render_summary(summary),
            "changes": changes,
            "errors": faults,
        }
    )
    return answer


def _render_summary(summary: Summary) -> dict[str, Any]:
    return {
        "changed": summary.changed,
        "unchanged": summary.unchanged,
        "errors": summary.errors,
        "owners": summary.owners,
        "levels": {level.label: owners for level, owners in summary.by_level.items()},
    }


def _render_change(change: PlannedChange) -> dict[str, Any]:
    before, after = change.before, change.after
    return {
        "level": change.level,
        "owner": change.owner,
        "feature": change.feature,
        "before": before.value if before else None,
        "after": after.value if after else None,
        "locked_before": bool(before and before.locked),
        "locked_after": bool(after and after.locked),
    }


def _nearest(events: QuerySet[Event]) -> Level:
    kinds = set(events.order_by().values_list("stream__kind", flat=True).distinct())
    return min(Level.from_label(kind) for kind in kinds)
