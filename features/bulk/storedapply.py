"""Applying a stored plan: a small one at once, a large one batch by batch in the background."""

from dataclasses import dataclass, replace
from functools import partial
from time import sleep
from typing import Any
from uuid import uuid4

from django.db import transaction
from django.utils import timezone

from access.actors import Actor
from events.models import Run, RunState
from events.runs import new_run
from events.services import Conflict, Origin, PreconditionFailed
from features.bulk.apply import Faulty, apply_at_once, apply_in_batches
from features.bulk.background import start_after_commit
from features.bulk.claims import claim
from features.bulk.exclusive import wait_for_turn
from features.bulk.plan import BulkPlan
from features.bulk.stored import (
    KEPT_FOR,
    SHOWN,
    find_run_of,
    is_working,
    list_problems,
    read_progress,
    staged_again,
)
from features.bulk.workspace import is_postgresql
from features.models import PlanState, StoredPlan
from tenancy.models import Instance

AT_ONCE = 10_000  # changes that a request waits for, in one transaction
BATCH = 2_000
# Seconds between two batches on SQLite: who waits for its one write lock looks again after a tenth
# of a second at the latest, and would otherwise find the next batch there, again and again.
PAUSE = 0.12
ATTEMPTS = 3  # at a plan whose owners are deleted while it is written


@dataclass(frozen=True)
class Order:
    """How a plan is to be applied. ``batch_size`` 0: in one transaction; None: by the size."""

    reason: str = ""
    batch_size: int | None = None


@dataclass(frozen=True)
class Hand:
    """Who applies a plan, and for which instance."""

    actor: Actor
    origin: Origin
    instance: Instance


class Moved(PreconditionFailed):
    """Something has moved on since the plan was made; nothing was written."""

    def __init__(self, plan: StoredPlan, problems: list[dict[str, Any]]) -> None:
        said = f": {problems[0]['message']}" if problems else ""
        super().__init__(f"something has moved on since the plan was made{said}; make it again")
        self.plan = plan.pk
        self.problems = problems
        self.violations = [(f"rows[{one['row']}]", one["message"]) for one in problems]


def apply_plan(plan: StoredPlan, order: Order, *, hand: Hand, at_once: bool) -> None:
    """Apply a plan, or have it applied; to one that is applied, or being applied, do nothing.

    The caller holds the plan's row, and the turn of bulk runs if ``at_once``: a small plan is then
    written in this very transaction. Otherwise a thread does it once the transaction is there.
    Raises Moved; PreconditionFailed when the plan has expired; Conflict while another one of the
    same principal is being applied.
    """
    state = read_progress(plan).state
    if state in {PlanState.APPLIED, PlanState.APPLYING}:
        return
    if state == "expired":
        raise PreconditionFailed("the plan has expired: make it again")
    if plan.state != PlanState.APPLYING:
        plan.run, plan.reason = uuid4(), order.reason
        by_size = BATCH if plan.changed > AT_ONCE else 0
        plan.batch_size = by_size if order.batch_size is None else order.batch_size
    if at_once and not plan.batch_size and plan.changed <= AT_ONCE:
        _apply_whole(plan, hand)
        return
    others = StoredPlan.objects.filter(principal=plan.principal, state=PlanState.APPLYING)
    if any(map(is_working, others.exclude(pk=plan.pk))):
        raise Conflict("another plan of yours is being applied: wait for its end")
    plan.state, plan.begun_at = PlanState.APPLYING, timezone.now()
    plan.expires_at = plan.begun_at + KEPT_FOR
    plan.save()
    start_after_commit(partial(carry_on, plan.pk, hand))


def note_moved(error: Moved) -> None:
    """Have the plan say that it was refused, and why."""
    StoredPlan.objects.filter(pk=error.plan).exclude(state=PlanState.APPLIED).update(
        state=PlanState.STALE, problems=error.problems, run=None, begun_at=None
    )


def carry_on(number: int, hand: Hand) -> None:
    """Apply a plan to its end, from where it stands. Does nothing if somebody else has done so."""
    with claim(number):
        # From now on the claim says that somebody works on it.
        StoredPlan.objects.filter(pk=number).update(begun_at=None)
        for attempt in range(1, ATTEMPTS + 1):
            plan = StoredPlan.objects.filter(pk=number, state=PlanState.APPLYING).first()
            if plan is None:
                return
            apply = _apply_batches if plan.batch_size else _apply_whole
            try:
                with wait_for_turn():
                    apply(plan, hand)
            except Moved as error:
                note_moved(error)
            except Conflict:
                # An owner was deleted meanwhile: the next attempt does not find it.
                if attempt == ATTEMPTS:
                    raise


def _apply_whole(plan: StoredPlan, hand: Hand) -> None:
    """Write everything in one transaction, or nothing."""
    with (
        transaction.atomic(),
        staged_again(plan, instance=hand.instance, actor=hand.actor) as staged,
    ):
        if not plan.changed:
            plan.run = None
            _finish(plan)
            return
        run = _make_run(plan, hand)
        try:
            summary = apply_at_once(staged, run, actor=hand.actor, origin=_origin_of(plan, hand))
        except Faulty:
            raise Moved(plan, list_problems(staged.faults())) from None
        if summary.changed != plan.changed:
            raise Moved(plan, [])
        _finish(plan)


def _apply_batches(plan: StoredPlan, hand: Hand) -> None:
    """Check everything, then write batch by batch; go on behind the last one that is there.

    What is overtaken after the check is left as it is, and stands among the plan's problems.
    """
    with staged_again(plan, instance=hand.instance, actor=hand.actor) as staged:
        run = find_run_of(plan)
        if run is None:
            _check(plan, staged)
            run = _make_run(plan, hand)
        known, shown = run.errors, plan.problems
        if run.finished_at is None:
            for state in apply_in_batches(
                staged, run, actor=hand.actor, origin=_origin_of(plan, hand), despite_faults=True
            ):
                if state.errors > known:
                    known = state.errors
                    plan.problems = _add_problems(shown, staged)
                    plan.save(update_fields=["problems"])
                if not is_postgresql():
                    sleep(PAUSE)
        # Owners that were deleted, or went out of reach, while nobody went on.
        if missing := plan.changed - run.changed - run.unchanged - run.errors:
            run.errors, run.state = run.errors + missing, RunState.PARTLY
            run.save()
            plan.problems = _add_problems(shown, staged)
        plan.left_out = run.errors
        _finish(plan)


def _check(plan: StoredPlan, staged: BulkPlan) -> None:
    """Raise Moved unless every change could still be made."""
    staged.compute()
    summary = staged.summarize()
    if summary.errors or summary.changed != plan.changed:
        raise Moved(plan, list_problems(staged.faults()))


def _add_problems(shown: list[dict[str, Any]], staged: BulkPlan) -> list[dict[str, Any]]:
    """Return what is shown already, with what is wrong now; an interruption tells nothing twice."""
    return [*shown, *(one for one in list_problems(staged.faults()) if one not in shown)][:SHOWN]


def _make_run(plan: StoredPlan, hand: Hand) -> Run:
    origin = _origin_of(plan, hand)
    run = new_run("bulk", actor=hand.actor, origin=origin, batch_size=plan.batch_size)
    run.pk = plan.run
    return run


def _origin_of(plan: StoredPlan, hand: Hand) -> Origin:
    return replace(hand.origin, reason=plan.reason)


def _finish(plan: StoredPlan) -> None:
    plan.state, plan.begun_at = PlanState.APPLIED, None
    plan.save()
