from collections.abc import Iterator
from typing import Any

from django.core.management.base import CommandParser
from django.db.models import QuerySet

from access.commands import Exit, Failed
from access.reports import Fault
from access.undoing import UndoPlan, carry_out_undo, plan_undo
from events.history import Query, UnknownRun, find_event, read_run_id, select_events
from events.models import Event
from events.runs import new_run
from features.bulk.commands import PlanCommand
from features.bulk.plan import Summary, plan_rows
from features.bulk.reports import ChangeReport
from features.bulk.undo import FEATURE_KINDS, interpret_undo, undo_rows
from features.bulk.wanted import PlannedChange
from features.management.commands.features_history import stream_text
from features.resolution import Override


class Command(PlanCommand):
    help = "Take back one change, or all of a run; what was changed again since stays as it is."
    example = "features_undo --run 2f1c… --dry-run"
    continues = True

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("event", metavar="EVENT", nargs="?", help="the number of an event")
        parser.add_argument("--run", metavar="RUN", help="the id of a run")

    def run(self, event: str | None, **options: Any) -> Exit:
        if bool(event) == bool(options["run"]):
            raise Failed("give either EVENT or --run RUN", Exit.USAGE)
        if event:
            what = str(find_event(event).pk)
            events = Event.objects.filter(pk=what)
        else:
            run_id = read_run_id(options["run"])
            what = str(run_id)
            events = select_events(Query(run=run_id))
            if not events.exists():
                raise UnknownRun(f"there is no run {run_id}")
        if not events.filter(stream__kind__in=FEATURE_KINDS).exists():
            return self._undo_others(events, what)
        run = new_run("undo", actor=self.author, origin=self.origin, undoes=what)
        with plan_rows(undo_rows(events), interpret_undo) as plan:
            return self.carry_out(plan, run)

    def _undo_others(self, events: QuerySet[Event], what: str) -> Exit:
        """Take back events that are about no feature's value, and report it like the others."""

        def read() -> UndoPlan:
            return plan_undo(events, permitted_to=None)

        plan, run = read(), None
        faults = [Fault(one.code, f"event {one.line}: {one.message}") for one in plan.faults]
        if not self.options["dry_run"]:
            if plan.word:
                self.confirm("This takes a feature from everybody.", plan.word)
            plan, run = carry_out_undo(
                read, what=what, actor=self.author, origin=self.origin, seen=plan.signature
            )
        if faults and not (plan.steps or plan.unchanged or plan.moved):
            raise Failed.for_faults(faults)
        summary = Summary(len(plan.steps), plan.unchanged, len(faults), len(plan.stood))
        with ChangeReport.choose(self.options, self.stdout) as report:
            report.add_changes(_changes(plan))
            report.finish(run.pk if run else None, summary, faults)
        return self._say_how_it_went(summary, faults, run and run.pk)

    def _say_how_it_went(self, summary: Summary, faults: list[Fault], run: Any) -> Exit:
        for fault in faults:
            self.stderr.write(str(fault), str)
        errors = f", {summary.errors:,} errors" if faults else ""
        self.say(f"{summary.changed:,} changed, {summary.unchanged:,} unchanged{errors}.")
        if self.options["dry_run"]:
            self.say("A dry run: nothing was written.")
            return Exit.DONE
        if run:
            self.say(f"Run {run}: features_undo --run {run} takes it back.")
        return Exit.PARTLY if faults else Exit.DONE


def _changes(plan: UndoPlan) -> Iterator[PlannedChange]:
    """Yield what changes as a report takes it: whose, what, from what to what."""
    for event, state in plan.changes:
        yield PlannedChange(
            *(event.pk, event.stream.kind, stream_text(event), state.name),
            *(Override(state.now), Override(state.before)),
            *(event.type, event.sequence),
        )
