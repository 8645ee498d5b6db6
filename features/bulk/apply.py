"""Applying a bulk plan: everything in one transaction, or batch by batch with a run to resume."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from django.db import IntegrityError, connection
from django.utils import timezone

from events.bulk import append_all, lock_streams
from events.models import Run
from events.runs import finish_run
from events.services import Author, Conflict, Origin, StreamMoved
from features.bulk.exclusive import Courtesy, wait_for_turn
from features.bulk.plan import BatchEnd, BulkPlan, Summary
from features.bulk.workspace import bulk_transaction, execute
from features.models import OVERRIDES
from tenancy.levels import OWNED_LEVELS

Tell = Callable[[str], None]


def _say_nothing(_sentence: str) -> None:
    pass


class Faulty(Exception):
    """The plan has faults, and nobody asked to go on without them; nothing more was written."""

    def __init__(self, summary: Summary) -> None:
        super().__init__(f"{summary.errors} errors")
        self.summary = summary


def apply_at_once(
    plan: BulkPlan,
    run: Run,
    *,
    actor: Author,
    origin: Origin,
    despite_faults: bool = False,
    tell: Tell = _say_nothing,
) -> Summary:
    """Compute the plan and write it whole, in one transaction, with the run if anything changed.

    Raises Faulty, with nothing written, when rows are refused, unless the others are to be written
    ``despite_faults``; Conflict when an owner was deleted meanwhile.
    """

    def finish(summary: Summary) -> None:
        if summary.changed:
            _add_to(run, summary)
            finish_run(run)

    with wait_for_turn(tell):
        return _write(plan, run, actor, origin, finish, despite_faults=despite_faults)


def apply_in_batches(
    plan: BulkPlan,
    run: Run,
    *,
    actor: Author,
    origin: Origin,
    despite_faults: bool = False,
    tell: Tell = _say_nothing,
) -> Iterator[Run]:
    """Write the plan in transactions of about ``run.batch_size`` rows; yield the run after each.

    A run that has begun goes on behind its last batch. Without ``despite_faults`` everything is
    checked first; Faulty then means that nothing was written, or nothing after the last batch.
    """
    with wait_for_turn(tell):
        if run._state.adding:
            if not despite_faults:
                plan.compute()
                if (summary := plan.summarize()).errors:
                    raise Faulty(summary)
            plan.forget()
            run.unchanged, run.errors = plan.repeated, plan.count_faults()
            run.save(force_insert=True)
        plan.forget()
        execute("CREATE INDEX IF NOT EXISTS bulk_target_owner ON bulk_target (level, owner_id)")
        courtesy = Courtesy()
        while until := plan.find_batch_end(_position(run), run.batch_size):

            def note(summary: Summary, until: BatchEnd = until) -> None:
                _add_to(run, summary)
                run.batches += 1
                run.position = list(until)
                run.save()

            batch = (_position(run), until)
            try:
                with courtesy.writing():
                    _write(plan, run, actor, origin, note, batch, despite_faults=despite_faults)
            except BaseException:
                # What was counted for a batch that is not there.
                run.refresh_from_db()
                raise
            yield run
            courtesy.pause()
        finish_run(run)
        yield run


def _write(
    plan: BulkPlan,
    run: Run,
    actor: Author,
    origin: Origin,
    note: Callable[[Summary], None],
    batch: tuple[BatchEnd | None, BatchEnd | None] = (None, None),
    *,
    despite_faults: bool,
) -> Summary:
    """Compute and write; if somebody else wrote meanwhile, once more behind the locks.

    ``note`` records in the same transaction what was done.
    """
    origin = replace(origin, run=run.pk)
    try:
        try:
            return _attempt(plan, actor, origin, note, batch, despite_faults=despite_faults)
        except StreamMoved:
            with bulk_transaction():
                lock_streams(plan.streams(*batch))
                return _attempt(plan, actor, origin, note, batch, despite_faults=despite_faults)
    except IntegrityError as error:
        raise Conflict("an owner or a feature was deleted meanwhile") from error


def _attempt(
    plan: BulkPlan,
    actor: Author,
    origin: Origin,
    note: Callable[[Summary], None],
    batch: tuple[BatchEnd | None, BatchEnd | None],
    *,
    despite_faults: bool,
) -> Summary:
    with bulk_transaction():
        plan.compute(*batch)
        summary = plan.summarize()
        if despite_faults or not summary.errors:
            if summary.changed:
                _write_changes(summary, actor, origin)
            note(summary)
            return summary
    # Raised outside, so that the table of the faults is not taken back.
    raise Faulty(summary)


def _write_changes(summary: Summary, actor: Author, origin: Origin) -> None:
    """Write what was computed last: streams and events first, as they queue the writers."""
    now = timezone.now()
    append_all("bulk_change", actor=actor, origin=origin, now=now)
    moment = connection.ops.adapt_datetimefield_value(now)
    for level in OWNED_LEVELS:
        if level not in summary.by_level:
            continue
        table = OVERRIDES[level]._meta.db_table
        above = [place.label for place in OVERRIDES[level].places]
        columns = "".join(f", {label}_id" for label in above)
        keys = "".join(f", {label}_key" for label in above)
        execute(
            f"""
            INSERT INTO {table} (owner_id, feature_id, value, locked, changed_at{columns})
            SELECT owner_id, feature_id, after, locked_after, %s{keys} FROM bulk_change
            WHERE level = {level.value} AND type <> 'features.reset' ORDER BY n
            ON CONFLICT (owner_id, feature_id) DO UPDATE SET value = excluded.value,
                locked = excluded.locked, changed_at = excluded.changed_at
            """,
            [moment],
        )
        execute(
            f"""
            DELETE FROM {table} WHERE (owner_id, feature_id) IN (
                SELECT owner_id, feature_id FROM bulk_change
                WHERE level = {level.value} AND type = 'features.reset')
            """
        )


def _add_to(run: Run, summary: Summary) -> None:
    run.changed += summary.changed
    run.unchanged += summary.unchanged
    run.errors += summary.errors


def _position(run: Run) -> BatchEnd | None:
    return (run.position[0], run.position[1]) if run.position else None
