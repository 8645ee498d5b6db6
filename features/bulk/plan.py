"""The plan of a bulk change: what changes, from what, to what, what stays, what is refused and why.

Everything that changes many owners computes this plan, shows it, and applies it (features.bulk.
apply). For one owner it means exactly what features.planning.plan_changes means; among owners the
levels above come first, so that what a plan unlocks no longer forbids anything below.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from access.reports import Fault
from features.bulk.comparing import (
    COMPUTED_FAULTS,
    batch_condition,
    compute_level,
    fault_retired_owners,
)
from features.bulk.owners import OwnerFinder
from features.bulk.reach import Reach
from features.bulk.resolving import resolve_owners, settle_duplicates
from features.bulk.staging import Staging
from features.bulk.wanted import Block, Interpret, PlannedChange, Row
from features.bulk.workspace import (
    analyze,
    count,
    execute,
    fetch_one,
    open_workspace,
    read_json,
    stream,
)
from features.definitions import Definitions, current_definitions
from features.resolution import Override
from tenancy.levels import OWNED_LEVELS, Level
from tenancy.models import Instance

BatchEnd = tuple[int, int]  # the level and the owner of a batch's last row


@dataclass(frozen=True)
class Summary:
    """The plan in numbers."""

    changed: int
    unchanged: int
    errors: int
    owners: int  # that change
    by_level: dict[Level, int] = field(default_factory=dict)  # owners that change

    @property
    def changes_system(self) -> bool:
        """Whether the system level is among what changes."""
        return Level.SYSTEM in self.by_level


@dataclass
class BulkPlan:
    """What rows would change, as of when it was computed. Exists within `plan_rows` only."""

    staging: Staging
    repeated: int = 0  # rows that say what another row says
    _refused: int = 0  # by the last computation
    _batch: str = "true"

    @property
    def definitions(self) -> Definitions:
        """The definitions that the rows were read with."""
        return self.staging.definitions

    def compute(self, after: BatchEnd | None = None, until: BatchEnd | None = None) -> None:
        """Compare what is wanted with what is set now; of a batch only, if its ends are given."""
        if until is None:
            self.forget()
        execute("DELETE FROM bulk_change")
        known = self.count_faults()
        for level in sorted(self.staging.levels):
            compute_level(level, self.staging, after, until)
        analyze("bulk_change")
        self._refused = self.count_faults() - known
        self._batch = batch_condition(after, until)

    def forget(self) -> None:
        """Forget what comparing has refused; what is wrong with the rows themselves stays."""
        execute(f"DELETE FROM bulk_fault WHERE code IN ({COMPUTED_FAULTS})")

    def count_targets(self) -> int:
        """Return how many overrides the rows are about."""
        return count("bulk_target")

    def has_stale(self) -> bool:
        """Whether an owner has moved on from where a saved plan saw it."""
        return fetch_one("SELECT 1 FROM bulk_fault WHERE code = 'stale' LIMIT 1") is not None

    def count_faults(self) -> int:
        """Return how many faults are known."""
        return count("bulk_fault")

    def summarize(self) -> Summary:
        """Return the numbers of what was computed last: of everything, or of the one batch."""
        numbers: dict[Level, tuple[int, int]] = {}
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT level, count(*), sum(CASE WHEN nth = 1 THEN 1 ELSE 0 END) "
                "FROM bulk_change GROUP BY level"
            )
            for level, changes, owners in cursor.fetchall():
                numbers[Level(level)] = (int(changes), int(owners))
        changed = sum(changes for changes, _ in numbers.values())
        targets = count(f"bulk_target t WHERE {self._batch}")
        is_whole = self._batch == batch_condition(None, None)
        return Summary(
            changed=changed,
            unchanged=targets - changed - self._refused + (self.repeated if is_whole else 0),
            errors=self.count_faults() if is_whole else self._refused,
            owners=sum(owners for _, owners in numbers.values()),
            by_level={level: owners for level, (_, owners) in sorted(numbers.items())},
        )

    def find_batch_end(self, after: BatchEnd | None, size: int) -> BatchEnd | None:
        """Return the owner with whose rows a batch behind ``after`` ends; None: nothing is left.

        An owner's rows are never parted.
        """
        rest = f"bulk_target t WHERE {batch_condition(after, None)}"
        columns = "t.level, t.owner_id"
        ends = f"SELECT {columns} FROM {rest} ORDER BY {columns}"
        last = f"SELECT {columns} FROM {rest} ORDER BY t.level DESC, t.owner_id DESC LIMIT 1"
        found = fetch_one(f"{ends} LIMIT 1 OFFSET {size - 1}") or fetch_one(last)
        return (found[0], found[1]) if found else None

    def streams(self, after: BatchEnd | None, until: BatchEnd | None) -> str:
        """Return the query of the streams that a batch, or everything, may write to."""
        kinds = " ".join(f"WHEN {level.value} THEN '{level.label}'" for level in OWNED_LEVELS)
        return (
            f"SELECT CASE t.level {kinds} END AS kind, t.instance, t.owner FROM bulk_target t "
            f"WHERE {batch_condition(after, until)}"
        )

    def changes(self) -> Iterator[PlannedChange]:
        """Yield the changes in the order in which they would be made, level by level."""
        columns = (
            "line, level, instance, owner, subject, before, locked_before, after, locked_after, "
            "type, expected"
        )
        for row in stream("bulk_change", columns, "n"):
            line, level, instance, owner, subject, before, was_locked, after, locked, type_, at = (
                row
            )
            yield PlannedChange(
                line=line,
                level=Level(level).label,
                owner=write_reference(Level(level), instance, owner),
                feature=subject,
                before=_as_override(before, was_locked),
                after=_as_override(after, locked),
                type=type_,
                sequence=at,
            )

    def faults(self) -> Iterator[Fault]:
        """Yield what is wrong, by line."""
        for line, code, message in stream(
            "bulk_fault", "line, code, message", "line, code, message"
        ):
            yield Fault(code, message, line)


@contextmanager
def plan_rows(
    rows: Iterable[Row | Block | Fault],
    interpret: Interpret,
    *,
    definitions: Definitions | None = None,
    tell: Any = None,
    within: Instance | None = None,
    reach: Reach | None = None,
) -> Iterator[BulkPlan]:
    """Take rows in and give the plan, with the owners found but nothing compared yet.

    Writes nothing but temporary tables. ``tell`` is called with the number of rows read so far.
    ``within`` and ``reach`` say whom rows can mean: owners beyond them are unknown.
    """
    with open_workspace():
        finder = OwnerFinder(within=within)
        staging = Staging(definitions or current_definitions(), interpret, finder, reach)
        for number in staging.take(rows):
            if tell:
                tell(number)
        resolve_owners(staging)
        plan = BulkPlan(staging, settle_duplicates())
        if staging.has_retired:
            fault_retired_owners(staging.definitions)
        yield plan


def write_reference(level: Level, instance: str, owner: str) -> str:
    """Return an owner as commands write it, from the texts of its stream."""
    if level is Level.SYSTEM:
        return level.label
    if level is Level.INSTANCE or not instance:
        return f"{level.label}:{owner}"
    return f"{level.label}:{instance}/{owner}"


def _as_override(value: Any, locked: Any) -> Override | None:
    return None if value is None else Override(read_json(value), bool(locked))
