from typing import Any

from django.core.management.base import CommandParser

from access.commands import Exit, Failed
from events.history import Query, UnknownRun, find_event, read_run_id, select_events
from events.models import Event
from events.runs import new_run
from features.bulk.commands import PlanCommand
from features.bulk.plan import plan_rows
from features.bulk.undo import interpret_undo, undo_rows


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
        run = new_run("undo", actor=self.author, origin=self.origin, undoes=what)
        with plan_rows(undo_rows(events), interpret_undo) as plan:
            return self.carry_out(plan, run)
