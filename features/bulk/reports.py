"""How a bulk command answers: for people, as one JSON document, JSON Lines or CSV; all streamed.

The document is that of access.reports, written piece by piece, so that a million changes take no
more memory than one.
"""

import csv
import json
import tempfile
from collections.abc import Iterable, Mapping
from itertools import islice
from types import TracebackType
from typing import IO, Any, Self
from uuid import UUID

from access.reports import Fault
from access.tables import guard_formula, printable
from features.bulk.plan import Summary
from features.bulk.wanted import PlannedChange
from features.explaining import value_text
from features.resolution import Override

SHOWN = 20  # changes that a terminal shows of a long list
COLUMNS = ("line", "level", "owner", "feature", "before", "after", "lock")


def render_planned(change: PlannedChange) -> dict[str, Any]:
    """Return a change as reports hold it; a null value inherits."""
    document = {
        "level": change.level,
        "owner": change.owner,
        "feature": change.feature,
        "before": change.before.value if change.before else None,
        "after": change.after.value if change.after else None,
    }
    return document | ({"locked": change.is_locked} if change.moves_lock else {})


def planned_text(change: PlannedChange) -> str:
    """Return a change in words: ``user:main/alice login_v2: inherits → {"required": true}``."""
    before, after = (
        f"{printable(value_text(override.value))}{' (locked)' if override.locked else ''}"
        if override
        else "inherits"
        for override in (change.before, change.after)
    )
    return f"{printable(change.owner)} {change.feature}: {before} → {after}"


class ChangeReport:
    """Takes the changes as they come, and the summary and the faults at the end. For people."""

    def __init__(self, out: Any, dry_run: bool) -> None:
        self.out = out
        self.dry_run = dry_run
        self.number = 0
        self.limit = SHOWN if out.isatty() or not dry_run else None

    @classmethod
    def choose(cls, options: Mapping[str, Any], out: Any) -> "ChangeReport":
        """Return the report that the options ask for."""
        if options["json"]:
            return JsonReport(out, options["dry_run"])
        if options["json_lines"]:
            return JsonLinesReport(out, options["dry_run"])
        if options["csv"]:
            return CsvReport(out, options["dry_run"])
        return ChangeReport(out, options["dry_run"])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Close what was opened."""

    def add_changes(self, changes: Iterable[PlannedChange]) -> None:
        """Take changes in."""
        room = None if self.limit is None else max(self.limit - self.number, 0)
        for change in islice(changes, room):
            self.out.write(planned_text(change))
            self.number += 1

    def add_or_give_up(self, changes: Iterable[PlannedChange]) -> "ChangeReport":
        """Take changes in; return the report to go on with, a silent one if nobody listens."""
        try:
            self.add_changes(changes)
        except BrokenPipeError:
            return SilentReport(self.out, self.dry_run)
        return self

    def finish(self, run: UUID | None, summary: Summary, faults: Iterable[Fault]) -> None:
        """Write what remains; people hear of faults and numbers elsewhere."""
        more = summary.changed - self.number
        if more > 0:
            self.out.write(f"… and {more:,} more; --csv or --json-lines shows them all")


class SilentReport(ChangeReport):
    """Says nothing: who should have read it has gone."""

    def add_changes(self, changes: Iterable[PlannedChange]) -> None:
        pass

    def finish(self, run: UUID | None, summary: Summary, faults: Iterable[Fault]) -> None:
        pass


class JsonLinesReport(ChangeReport):
    """An object on each line: the changes, the errors, and at last the run with the summary."""

    def add_changes(self, changes: Iterable[PlannedChange]) -> None:
        for change in changes:
            self._write({"type": "change"} | render_planned(change))

    def finish(self, run: UUID | None, summary: Summary, faults: Iterable[Fault]) -> None:
        for fault in faults:
            self._write({"type": "error"} | fault.as_document())
        end = {"run": str(run) if run else None, "dry_run": self.dry_run}
        self._write({"type": "summary"} | end | render_summary(summary))

    def _write(self, document: Mapping[str, Any]) -> None:
        self.out.write(json.dumps(document, ensure_ascii=False))


class CsvReport(ChangeReport):
    """The changes as a table that no spreadsheet executes."""

    def __init__(self, out: Any, dry_run: bool) -> None:
        super().__init__(out, dry_run)
        self.writer = csv.writer(_Lines(out), lineterminator="")
        self.writer.writerow(COLUMNS)

    def add_changes(self, changes: Iterable[PlannedChange]) -> None:
        for change in changes:
            lock = ("locked" if change.is_locked else "unlocked") if change.moves_lock else ""
            before, after = (_cell(override) for override in (change.before, change.after))
            cells = (change.level, change.owner, change.feature, before, after, lock)
            self.writer.writerow([change.line, *map(guard_formula, cells)])

    def finish(self, run: UUID | None, summary: Summary, faults: Iterable[Fault]) -> None:
        pass


class JsonReport(ChangeReport):
    """The one document. The changes wait in a file, because the summary stands before them."""

    def __enter__(self) -> Self:
        self.waiting: IO[str] = tempfile.TemporaryFile("w+", encoding="utf-8")
        return self

    def __exit__(self, *_error: object) -> None:
        self.waiting.close()

    def add_changes(self, changes: Iterable[PlannedChange]) -> None:
        for change in changes:
            text = json.dumps(render_planned(change), ensure_ascii=False)
            self.waiting.write(f"{text}\n")

    def finish(self, run: UUID | None, summary: Summary, faults: Iterable[Fault]) -> None:
        start: dict[str, Any] = {"run": str(run) if run else None, "dry_run": self.dry_run}
        start["summary"] = render_summary(summary)
        text = json.dumps(start, indent=2, ensure_ascii=False).removesuffix("\n}")
        self.out.write(f'{text},\n  "changes": [', ending="")
        self.waiting.seek(0)
        self._write_members(line.rstrip("\n") for line in self.waiting)
        self.out.write(',\n  "errors": [', ending="")
        self._write_members(json.dumps(fault.as_document(), ensure_ascii=False) for fault in faults)
        self.out.write("\n}")

    def _write_members(self, members: Iterable[str]) -> None:
        is_first = True
        for member in members:
            self.out.write(f"{'' if is_first else ','}\n    {member}", ending="")
            is_first = False
        self.out.write("]" if is_first else "\n  ]", ending="")


def render_summary(summary: Summary) -> dict[str, int]:
    """Return the numbers as reports hold them."""
    return {
        "changed": summary.changed,
        "unchanged": summary.unchanged,
        "errors": summary.errors,
    }


class _Lines:
    """Gives csv.writer a file whose every write is a line."""

    def __init__(self, out: Any) -> None:
        self.out = out

    def write(self, text: str) -> None:
        self.out.write(text)


def _cell(override: Override | None) -> str:
    return value_text(override.value) if override else "inherit"
