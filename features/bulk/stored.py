"""Plans that are kept: made once, looked at in pages, applied exactly as they were shown.

A plan is kept as its changes, each with the state and the sequence that it was made from, which is
what a saved plan of the commands holds as well, and applying reads both alike: an owner that has
moved on is refused.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import Any

from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from access.actors import Actor
from access.permissions import Action, Permission
from access.policy import require, require_somewhere
from access.reports import Fault
from events.models import Run
from events.services import ACTOR_NAME_LENGTH, Conflict
from features.bulk.claims import forget_claim, is_claimed
from features.bulk.documentrows import interpret_plan
from features.bulk.plan import BulkPlan, plan_rows
from features.bulk.reach import Reach
from features.bulk.wanted import OwnerKey, Row
from features.bulk.workspace import execute, fetch_one, is_postgresql
from features.models import PlanState, StoredChange, StoredPlan
from tenancy.levels import Level
from tenancy.models import Instance, System

KEPT_FOR = timedelta(days=1)
MOST_PLANS = 100  # of one principal
SHOWN = 1000  # problems that are kept
CHUNK = 10_000  # changes that are stored, or read, at a time
GRACE = timedelta(seconds=10)  # for a thread to claim the plan that it was sent to apply
IN_INSTANCE = {Level.ORGANIZATION, Level.USER}


class TooManyPlans(Conflict):
    """The principal keeps as many plans as one may."""

    def __init__(self) -> None:
        super().__init__(f"you keep {MOST_PLANS} plans: delete some, or wait until they expire")


@dataclass(frozen=True)
class Progress:
    """How much of a plan is done; ``left_out`` are changes that were overtaken on the way."""

    state: str
    done: int
    total: int
    left_out: int


def require_levels(actor: Actor, levels: Iterable[Level], instance: Instance) -> None:
    """Raise MissingPermission unless the actor may set features at each of the levels at all.

    Of organizations and users, which ones is asked row by row: see Reach.
    """
    for level in levels:
        permission = Permission.on_features(level, Action.WRITE)
        if level in IN_INSTANCE:
            require_somewhere(actor, permission)
        else:
            require(actor, permission, System() if level is Level.SYSTEM else instance)


def store_plan(plan: BulkPlan, *, principal: str, actor: Actor) -> StoredPlan:
    """Keep a plan that was computed. TooManyPlans where there is no room.

    Room is made by the principal's oldest applied plan. A few thousand changes are written at a
    time, so that nobody waits long; until the last of them is there, nobody sees the plan.
    """
    sweep_plans()
    _make_room(StoredPlan.objects.filter(principal=principal))
    summary, now = plan.summarize(), timezone.now()
    stored = StoredPlan.objects.create(
        principal=principal,
        actor_type=actor.type,
        actor_id=actor.id,
        actor_name=actor.name[:ACTOR_NAME_LENGTH],
        changed=summary.changed,
        unchanged=summary.unchanged,
        errors=summary.errors,
        owners=summary.owners,
        levels={level.label: owners for level, owners in summary.by_level.items()},
        problems=list_problems(plan.faults()),
        created_at=now,
        expires_at=now + KEPT_FOR,
    )
    first, last = fetch_one("SELECT coalesce(min(n), 1), coalesce(max(n), 0) FROM bulk_change")
    for start in range(first, last + 1, CHUNK):
        execute(
            f"""
            INSERT INTO {StoredChange._meta.db_table} (plan_id, n, line, level, instance, owner,
                feature, before, after, locked_before, locked_after, sequence, reason)
            SELECT %s, n, line, level, instance, owner, subject, before, after, locked_before,
                locked_after, expected, reason
            FROM bulk_change WHERE n >= %s AND n < %s ORDER BY n
            """,
            [stored.pk, start, start + CHUNK],
        )
    stored.state = PlanState.READY
    stored.save(update_fields=["state"])
    return stored


def _make_room(plans: QuerySet[StoredPlan]) -> None:
    if plans.count() >= MOST_PLANS:
        oldest = plans.filter(state=PlanState.APPLIED).order_by("pk").first()
        if oldest is None:
            raise TooManyPlans
        delete_plan(oldest)


def sweep_plans() -> None:
    """Delete what nobody can apply any more: plans of the day before yesterday, and halves."""
    before = timezone.now() - KEPT_FOR
    for plan in StoredPlan.objects.filter(expires_at__lt=before):
        if not is_working(plan):
            delete_plan(plan)


def delete_plan(plan: StoredPlan) -> None:
    """Delete a plan with its changes. Conflict while it is being applied."""
    if is_working(plan):
        raise Conflict("the plan is being applied: wait for its end")
    number = plan.pk
    plan.delete()
    forget_claim(number)


def is_working(plan: StoredPlan) -> bool:
    """Whether a process is applying the plan."""
    if plan.state != PlanState.APPLYING:
        return False
    is_new = plan.begun_at is not None and timezone.now() - plan.begun_at < GRACE
    return is_new or is_claimed(plan.pk)


def read_progress(plan: StoredPlan) -> Progress:
    """Return how far a plan has come, as every process sees it.

    Beside the stored states there are ``interrupted``: its process is gone, and applying it again
    goes on; and ``expired``.
    """
    total = plan.changed
    if plan.state == PlanState.APPLIED:
        return Progress(plan.state, total, total, plan.left_out)
    if plan.state != PlanState.APPLYING:
        is_over = timezone.now() >= plan.expires_at
        return Progress("expired" if is_over else plan.state, 0, total, 0)
    state: str = plan.state
    if not is_working(plan):
        plan.refresh_from_db()
        if plan.state != PlanState.APPLYING:  # it was finished between the two
            return read_progress(plan)
        state = "interrupted"
    run = find_run_of(plan)
    if run is None:
        return Progress(state, 0, total, 0)
    return Progress(state, run.changed + run.unchanged + run.errors, total, run.errors)


def find_run_of(plan: StoredPlan) -> Run | None:
    """Return the run of a plan; None before anything of it is written."""
    return Run.objects.filter(pk=plan.run).first() if plan.run else None


@contextmanager
def staged_again(plan: StoredPlan, *, instance: Instance, actor: Actor) -> Iterator[BulkPlan]:
    """Give the plan of what was shown, for whoever applies it and what they may do by now."""
    with plan_rows(
        _stored_rows(plan, instance), interpret_plan, within=instance, reach=Reach(actor)
    ) as staged:
        yield staged


def list_problems(faults: Iterator[Fault]) -> list[dict[str, Any]]:
    """Return the first faults, as they are kept and shown."""
    return [
        {"row": fault.line, "code": fault.code, "message": fault.message}
        for fault in islice(faults, SHOWN)
    ]


def _stored_rows(plan: StoredPlan, instance: Instance) -> Iterator[Row]:
    """Yield the changes as rows for `interpret_plan`, read by key, whatever their number."""
    text = "::text" if is_postgresql() else ""
    last = -1
    while True:
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT n, line, level, owner, feature, before{text}, after{text}, locked_before, "
                f"locked_after, sequence, reason FROM {StoredChange._meta.db_table} "
                "WHERE plan_id = %s AND n > %s ORDER BY n LIMIT %s",
                [plan.pk, last, CHUNK],
            )
            found = cursor.fetchall()
        for n, line, number, owner, feature, before, after, was_locked, locked, at, reason in found:
            last, level = n, Level(number)
            key = OwnerKey(instance.pk if level in IN_INSTANCE else None, owner)
            value = (
                f'{{"before": {_write_state(before, was_locked)}, '
                f'"after": {_write_state(after, locked)}, "sequence": {at}}}'
            )
            yield Row(line, level.label, key, feature, value, reason)
        if len(found) < CHUNK:
            return


def _write_state(value: str | None, locked: Any) -> str:
    return "null" if value is None else f"[{value}, {'true' if locked else 'false'}]"
