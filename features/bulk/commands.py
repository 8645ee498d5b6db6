"""What the commands that change many owners share: the plan shown, confirmed, applied, reported."""

from dataclasses import replace
from itertools import islice

from django.core.management.base import CommandParser
from django.db import DatabaseError, connection

from access.commands import Exit, StrataCommand, was_interrupted
from access.tables import printable
from events.models import Run
from events.services import Author, Conflict
from features.bulk.apply import Faulty, apply_at_once, apply_in_batches
from features.bulk.plan import BulkPlan, Summary
from features.bulk.progress import Progress
from features.bulk.reports import SHOWN, ChangeReport

MANY_OWNERS = 1000


class PlanCommand(StrataCommand):
    """A command that makes a bulk plan, shows it, and applies it."""

    writes = True
    reports = True
    in_batches = False  # whether the command offers them
    continues = False  # whether it always leaves out what can't be done

    def add_arguments(self, parser: CommandParser) -> None:
        """Add what bulk commands share."""
        super().add_arguments(parser)
        parser.add_argument(
            "--json-lines", action="store_true", help="answer as JSON, an object on each line"
        )
        parser.add_argument("--csv", action="store_true", help="answer with the changes as CSV")
        if not self.continues:
            parser.add_argument(
                "--continue-on-error", action="store_true", help="leave out what is wrong"
            )
        if self.in_batches:
            parser.add_argument(
                "--batch-size",
                type=int,
                default=0,
                metavar="N",
                help="commit after N rows; without it, everything or nothing",
            )
            parser.add_argument("--resume", metavar="RUN", help="go on with an interrupted run")

    @property
    def progress(self) -> Progress:
        """Where people see how far it has come."""
        return Progress(self.stderr, is_quiet=self.options["quiet"])

    @property
    def leaves_out_faults(self) -> bool:
        """Whether the rest is done where something is wrong."""
        return self.continues or bool(self.options["continue_on_error"])

    def carry_out(self, plan: BulkPlan, run: Run) -> Exit:
        """Show the plan, or apply it where this is no dry run; return the exit code."""
        report = ChangeReport.choose(self.options, self.stdout)
        with report:
            if self.options["dry_run"]:
                plan.compute()
                summary = plan.summarize()
                self.note_plan(plan, summary)
                report.add_changes(plan.changes())
                return self._finish(report, plan, summary, None)
            self._confirm(plan)
            try:
                if run.batch_size:
                    return self._apply_batches(report, plan, run)
                summary = self._apply(plan, run)
            except Faulty as error:
                return self._refuse(report, plan, error.summary)
            report.add_changes(plan.changes())
            return self._finish(report, plan, summary, run)

    def note_plan(self, plan: BulkPlan, summary: Summary) -> None:
        """Hear of the plan of a dry run."""

    def _apply(self, plan: BulkPlan, run: Run) -> Summary:
        with self.progress.working("Writing"):
            return apply_at_once(
                plan,
                run,
                actor=author_of(run),
                origin=self.origin,
                despite_faults=self.leaves_out_faults,
                tell=self.say,
            )

    def _apply_batches(self, report: ChangeReport, plan: BulkPlan, run: Run) -> Exit:
        self.say(f"Run {run.pk}")
        total = plan.count_targets()
        steps = apply_in_batches(
            plan,
            run,
            actor=author_of(run),
            origin=replace(self.origin, reason=run.reason),
            despite_faults=self.leaves_out_faults or run.errors > 0,
            tell=self.say,
        )
        try:
            with self.progress.counting("Writing", total) as advance:
                for state in steps:
                    if state.finished_at is None:
                        report = report.add_or_give_up(plan.changes())
                    advance(min(total, state.batches * state.batch_size))
        except (KeyboardInterrupt, DatabaseError, Faulty, Conflict) as error:
            interrupted = was_interrupted(error)
            if not run.batches or (isinstance(error, DatabaseError) and not interrupted):
                raise
            if interrupted:
                connection.close()  # which may be busy with what was interrupted
            else:
                self._tell_faults(plan)
            reason = "interrupted" if interrupted else str(error)
            self.say(f"Stopped after {run.batches} batches: {reason}.")
            self.say(f"The same command with --resume {run.pk} goes on.")
            return Exit.INTERRUPTED if interrupted else Exit.PARTLY
        summary = Summary(run.changed, run.unchanged, run.errors, 0)
        return self._finish(report, plan, summary, run)

    def _confirm(self, plan: BulkPlan) -> None:
        """Have a change of the system level or of very many owners confirmed."""
        if self.options["yes"]:
            return
        plan.compute()
        summary = plan.summarize()
        if summary.errors and not self.leaves_out_faults:
            return  # it will be refused anyway
        if summary.changes_system:
            self.confirm("This changes the system level, for everybody below.", "system")
        elif summary.owners > MANY_OWNERS:
            word = max(summary.by_level, key=lambda level: summary.by_level[level]).label
            self.confirm(f"This changes {summary.owners:,} owners ({say_levels(summary)}).", word)

    def _refuse(self, report: ChangeReport, plan: BulkPlan, summary: Summary) -> Exit:
        """Tell every fault; nothing was written."""
        report.finish(None, Summary(0, 0, summary.errors, 0), plan.faults())
        self._tell_faults(plan)
        self.say(f"{summary.errors:,} errors; nothing was written.")
        return Exit.CONFLICT if plan.has_stale() else Exit.FAILED

    def _finish(
        self, report: ChangeReport, plan: BulkPlan, summary: Summary, run: Run | None
    ) -> Exit:
        written = run if run and summary.changed else None
        report.finish(written.pk if written else None, summary, plan.faults())
        self._tell_faults(plan)
        errors = f", {summary.errors:,} errors" if summary.errors else ""
        self.say(f"{summary.changed:,} changed, {summary.unchanged:,} unchanged{errors}.")
        if run is None:
            self.say("A dry run: nothing was written.")
            allowed = self.leaves_out_faults or not summary.errors
            return Exit.DONE if allowed else Exit.FAILED
        if written:
            self.say(f"Run {written.pk}: features_undo --run {written.pk} takes it back.")
        return Exit.PARTLY if summary.errors else Exit.DONE

    def _tell_faults(self, plan: BulkPlan) -> None:
        """Name the faults on stderr, by line: all of them, or on a terminal the first ones."""
        number = plan.count_faults()
        limit = SHOWN if self.stderr.isatty() else number
        for fault in islice(plan.faults(), limit):
            self.stderr.write(printable(str(fault)), str)
        if number > limit:
            self.say(f"… and {number - limit:,} more; --json-lines has them all")


def author_of(run: Run) -> Author:
    """Return who the run is by: who goes on with it changes nothing about that."""
    return Author(run.actor_type, run.actor_id, run.actor_name)


def say_levels(summary: Summary) -> str:
    """Return how many owners of each level change, in words."""
    return ", ".join(f"{number:,} {level.label}s" for level, number in summary.by_level.items())
