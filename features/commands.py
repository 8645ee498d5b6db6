"""What the commands that change the features of one owner share."""

from collections.abc import Callable
from dataclasses import replace
from uuid import UUID, uuid4

from access.commands import Exit, Failed, StrataCommand
from access.reports import Fault, report_document
from access.tables import printable
from features.explaining import value_text
from features.planning import Change, Locked, NoChanges, OwnerPlan
from features.serializers import render_change
from features.services import carry_out
from tenancy.levels import Level
from tenancy.models import Instance, Owner


class OwnerCommand(StrataCommand):
    """A command that plans a change of one owner, shows the plan and carries it out."""

    writes = True
    reports = True

    def plan_and_write(self, owner: Owner, plan: Callable[[], OwnerPlan], named: int = 0) -> None:
        """Show what a plan changes, written or, in a dry run, not.

        ``named`` is how many features were asked for; those that already are as asked count as
        unchanged. Raises Failed with every feature that a level above has locked, and where a
        change of the system level is not confirmed.
        """
        planned = make_plan(owner, plan)
        if planned.refused:
            raise Failed.for_faults([Fault("locked", str(refused)) for refused in planned.refused])
        run: UUID | None = None
        if planned.changes and not self.options["dry_run"]:
            if owner.level is Level.SYSTEM:
                self.confirm(blast_radius(planned), Level.SYSTEM.label)
            run = uuid4()
            planned = self._write(owner, plan, run)
        self._tell(planned, run, max(named - len(planned.changes), 0))

    def _write(self, owner: Owner, plan: Callable[[], OwnerPlan], run: UUID) -> OwnerPlan:
        origin = replace(self.origin, run=run)
        try:
            return carry_out(owner, plan, actor=self.author, origin=origin)
        except Locked as error:  # since the plan was shown
            raise Failed(f"{error}; nothing was written", Exit.CONFLICT) from error

    def _tell(self, planned: OwnerPlan, run: UUID | None, unchanged: int) -> None:
        dry_run = self.options["dry_run"]
        if self.options["json"]:
            changes = [render_change(planned.owner, change) for change in planned.changes]
            document = report_document(
                run=run, dry_run=dry_run, changes=changes, unchanged=unchanged
            )
            self.answer(document)
            return
        for change in planned.changes:
            self.stdout.write(f"{planned.owner.reference} {change_text(change)}")
        if not planned.changes:
            self.say("Nothing to do: it is so already.")
        elif dry_run:
            self.say("A dry run: nothing was written.")


def make_plan(owner: Owner, plan: Callable[[], OwnerPlan]) -> OwnerPlan:
    """Return the plan, an empty one where only retired features are named: they do nothing."""
    try:
        return plan()
    except NoChanges:
        from events.services import Position

        return OwnerPlan(owner, Position(), ())


def change_text(change: Change) -> str:
    """Return a change in words: ``login_v2: inherits → {"required": true}``."""
    before, after = (
        printable(value_text(override.value)) if override else "inherits"
        for override in (change.before, change.after)
    )
    return f"{change.definition.key}: {before} → {after}"


def blast_radius(planned: OwnerPlan) -> str:
    """Say what a change of the system level does, and for whom."""
    changes = "; ".join(map(change_text, planned.changes))
    instances = Instance.objects.count()
    whom = "the one instance" if instances == 1 else f"all {instances} instances"
    return (
        f"This changes the system level ({changes}), "
        f"for {whom} and everybody below who sets nothing else."
    )
