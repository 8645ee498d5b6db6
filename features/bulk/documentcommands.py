"""What features_plan and features_apply share: a document, or a plan that was saved before."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import IO, Any, BinaryIO

from django.db import transaction

from access.commands import Exit, Failed
from access.reports import Fault
from events.models import Run
from events.runs import new_run
from features.bulk.commands import PlanCommand
from features.bulk.documentrows import (
    BadDocument,
    DocumentReader,
    interpret_document,
    interpret_plan,
)
from features.bulk.exclusive import wait_for_turn
from features.bulk.plan import BulkPlan, plan_rows
from features.bulk.resolving import add_absent
from features.bulk.rows import BadInput, open_text
from features.bulk.wanted import PlannedChange, Row
from features.defining import FIELDS, define_feature, edit_feature, find_feature
from features.definitions import UnknownFeature
from features.resolution import Override

PLAN_HEADER = {"strata_plan": 1}


class DocumentCommand(PlanCommand):
    """Reads a document or a saved plan and carries out what it says."""

    def work(self, stream: BinaryIO, *, prune: bool) -> Exit:
        """Plan and, unless this is a dry run, write. Failed for what can't be read."""
        if prune and self.leaves_out_faults:
            raise Failed("--prune and --continue-on-error don't go together", Exit.USAGE)
        run = new_run("apply", actor=self.author, origin=self.origin)
        try:
            with open_text(stream) as text:
                start = text.readline()
                text.seek(0)
                if start.startswith('{"strata_plan"'):
                    return self._work_on_plan(text, run)
                return self._work_on_document(DocumentReader(text), run, prune=prune)
        except (BadInput, BadDocument) as error:
            raise Failed.for_faults([Fault("bad_input", str(error))]) from error

    def _work_on_plan(self, text: IO[str], run: Run) -> Exit:
        with plan_rows(read_saved(text), interpret_plan) as plan:
            return self.carry_out(plan, run)

    def _work_on_document(self, reader: DocumentReader, run: Run, *, prune: bool) -> Exit:
        definitions = reader.read_definitions()
        with ExitStack() as stack:
            if definitions:
                # Its features are known to the plan only once they are defined.
                stack.enter_context(wait_for_turn(self.say))
                stack.enter_context(transaction.atomic())
                self.defined = self._define(definitions)
            plan = stack.enter_context(plan_rows(reader.rows(), interpret_document))
            if prune:
                add_absent(plan.staging, reader.instances, reader.sections)
            code = self.carry_out(plan, run)
            if definitions and (self.options["dry_run"] or code not in {Exit.DONE, Exit.PARTLY}):
                transaction.set_rollback(True)
            return code

    def _define(self, definitions: dict[str, dict[str, Any]]) -> int:
        """Define or change what the document says of definitions; return how many changed."""
        by: dict[str, Any] = {"actor": self.author, "origin": self.origin}
        changed = 0
        for key, fields in definitions.items():
            try:
                row = find_feature(key)
                before = [getattr(row, name) for name in FIELDS]
                after = edit_feature(key, fields, **by)
                is_changed = before != [getattr(after, name) for name in FIELDS]
            except UnknownFeature:
                whole: dict[str, Any] = {"kind": "boolean", "default": False} | fields
                define_feature(key, **whole, **by)
                is_changed = True
            if is_changed:
                self.say(f"definition of {key}: changed")
                changed += 1
        return changed


def save_plan(plan: BulkPlan, out: IO[str]) -> None:
    """Write the changes of a computed plan, with what they were made from."""
    out.write(json.dumps(PLAN_HEADER) + "\n")
    for change in plan.changes():
        out.write(json.dumps(saved_change(change), ensure_ascii=False) + "\n")


def saved_change(change: PlannedChange) -> dict[str, Any]:
    """Return a change as a saved plan holds it; null is not set."""
    return {
        "level": change.level,
        "owner": change.owner,
        "feature": change.feature,
        "before": _state(change.before),
        "after": _state(change.after),
        "sequence": change.sequence,
    }


def read_saved(text: IO[str]) -> Iterator[Row | Fault]:
    """Yield the rows of a saved plan."""
    for line, content in enumerate(text, start=1):
        if line == 1:
            continue
        try:
            change = json.loads(content)
            names = (change["level"], change["owner"], change["feature"])
            states = {name: change[name] for name in ("before", "after", "sequence")}
        except (ValueError, KeyError, TypeError):
            yield Fault("bad_plan", "is no line of a plan", line)
            continue
        yield Row(line, *names, json.dumps(states))


def _state(override: Override | None) -> list[Any] | None:
    return [override.value, override.locked] if override else None
