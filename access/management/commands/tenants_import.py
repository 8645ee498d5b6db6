import sys
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from django.core.management.base import CommandParser

from access.commands import Failed, StrataCommand
from access.reports import Fault, report_document
from access.tenant_import import write_import
from access.tenant_plan import ImportPlan, plan_import
from access.tenant_rows import COLUMNS, read_rows

SHOWN_FAULTS = 100


class Command(StrataCommand):
    help = (
        "Add and update instances, organizations and users from CSV or JSON Lines with the columns "
        f"{', '.join(COLUMNS)}. It may be repeated, takes nothing away and moves nobody."
    )
    example = "tenants_import tenants.csv --dry-run"
    writes = True
    reports = True

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE|-", help="a file, or - for stdin; UTF-8")

    def run(self, file: str, dry_run: bool, **options: Any) -> None:
        plan = read_plan(file)
        if plan.faults:
            raise Failed("\n".join(sentences_of(plan.faults)), faults=plan.faults)
        report = plan.summarize()
        run: UUID | None = None
        if report["changed"] and not dry_run:
            run = uuid4()
            write_import(plan, actor=self.author, origin=replace(self.origin, run=run))
        if options["json"]:
            document = report_document(run=run, dry_run=dry_run) | {"tenants": plan.count()}
            self.answer(document | {"summary": report})
            return
        for level, counts in plan.count().items():
            told = ", ".join(f"{number} {outcome}" for outcome, number in counts.items())
            self.stdout.write(f"{level}: {told}")
        if dry_run:
            self.say("A dry run: nothing was written.")


def read_plan(name: str) -> ImportPlan:
    """Return what the file of that name would do. Failed when there is none that can be read."""
    faults: list[Fault] = []
    if name == "-":
        return plan_import(read_rows(sys.stdin.buffer, faults), faults)
    try:
        with Path(name).open("rb") as file:
            return plan_import(read_rows(file, faults), faults)
    except OSError as error:
        raise Failed(f"{name}: {error.strerror}") from error


def sentences_of(faults: list[Fault]) -> list[str]:
    """Return the faults for people: the first ones, and how many more there are."""
    shown = [str(fault) for fault in faults[:SHOWN_FAULTS]]
    rest = len(faults) - len(shown)
    more = [f"and {rest} more; --json tells them all"] if rest else []
    return [*shown, *more, "nothing was written"]
