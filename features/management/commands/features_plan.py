from typing import Any

from django.core.management.base import CommandParser

from access.commands import Exit
from features.bulk.documentcommands import DocumentCommand, save_plan
from features.bulk.inputs import open_input, open_output
from features.bulk.plan import BulkPlan, Summary


class Command(DocumentCommand):
    help = "Show what features_apply would change, and save that as a plan if asked to."
    example = "features_plan state.yaml --out state.plan --exit-code"

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", help="- is stdin")
        parser.add_argument("--out", metavar="PLAN", help="save the plan for features_apply")
        parser.add_argument(
            "--exit-code", action="store_true", help="end with 3 where something would change"
        )
        parser.add_argument(
            "--prune", action="store_true", help="reset what the document does not speak of"
        )

    def run(self, file: str, prune: bool, **_options: Any) -> Exit:
        self.options["dry_run"] = True
        self.pending = self.defined = 0
        with open_input(file) as stream:
            code = self.work(stream, prune=prune)
        is_pending = code == Exit.DONE and self.pending + self.defined > 0
        return Exit.PENDING if is_pending and self.options["exit_code"] else code

    def note_plan(self, plan: BulkPlan, summary: Summary) -> None:
        """Remember whether something would change, and save it."""
        self.pending = summary.changed
        if not self.options["out"] or (summary.errors and not self.leaves_out_faults):
            return
        if self.defined:
            self.say("Definitions change: features_apply the document itself; no plan was saved.")
            return
        with open_output(self.options["out"]) as out:
            save_plan(plan, out)
