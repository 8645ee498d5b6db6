"""Taking changes back over the API: looked at first, then done exactly as it was looked at."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.core.exceptions import ValidationError
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from api.serializers import FlagField, StrictSerializer, TextField, parse
from events.services import PreconditionFailed
from features.bulk.apply import Faulty, apply_at_once, new_run
from features.bulk.exclusive import wait_for_turn
from features.bulk.plan import BulkPlan, Summary
from features.bulk.wanted import PlannedChange

LARGEST = 10_000  # events at once; the commands take any number
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
        raise PreconditionFailed("the plan is another one by now: look at it again")
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
