from collections.abc import Iterable
from typing import Any

from django.core.management.base import CommandParser

from access.commands import Exit, Failed, StrataCommand
from access.tables import render_csv
from events.history import Query, find_event, read_page, read_run_id, read_runs
from events.models import Event, Run
from events.services import StreamKey
from features.bulk.plan import write_reference
from features.definitions import UnknownFeature, current_definitions
from features.explaining import value_text
from features.history import render_event, render_run
from features.serializers import render_time
from tenancy.levels import OWNED_LEVELS
from tenancy.references import find_by_reference

COLUMNS = ("EVENT", "TIME", "WHO", "FROM", "OWNER", "WHAT", "BEFORE", "AFTER", "REASON", "RUN")
RUN_COLUMNS = ("RUN", "STARTED", "WHO", "WHAT", "STATE", "CHANGED", "ERRORS", "REASON")
PREFIXES = tuple(f"{level.label}:" for level in OWNED_LEVELS)


class Command(StrataCommand):
    help = "Show what was changed, newest first: of an owner, a feature, a run, or everything."
    example = "features_history organization:acme login_default_org"

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument(
            "what", metavar="[OWNER] [FEATURE]", nargs="*", help="of all, where not given"
        )
        parser.add_argument("--run", metavar="RUN", help="only of one run")
        parser.add_argument("--instance", metavar="ID", help="only of an instance and all in it")
        parser.add_argument("--runs", action="store_true", help="the bulk runs instead")
        parser.add_argument(
            "--limit", type=int, default=50, metavar="N", help="how many; default: 50"
        )
        parser.add_argument("--before", metavar="EVENT", help="only what is older than the event")
        parser.add_argument("--csv", action="store_true", help="answer as CSV")

    def run(self, what: list[str], **options: Any) -> Exit | None:
        if options["limit"] < 1:
            raise Failed("--limit: a number from 1", Exit.USAGE)
        if options["runs"]:
            runs = read_runs(options["limit"])
            documents = [render_run(run) | {"batches": run.batches} for run in runs]
            self._print(RUN_COLUMNS, map(run_row, runs), documents)
            return None
        before = find_event(options["before"]).pk if options["before"] else None
        page = read_page(self._read_query(what), before=before, size=options["limit"])
        documents = [render_event(event) for event in page.events]
        self._print(COLUMNS, map(event_row, page.events), documents)
        if page.next:
            self.say(f"There are older ones: --before {page.next}")
        return None

    def _read_query(self, what: list[str]) -> Query:
        owners = [text for text in what if text == "system" or text.startswith(PREFIXES)]
        features = [text for text in what if text not in owners]
        if len(owners) > 1 or len(features) > 1:
            raise Failed("give at most one OWNER and one FEATURE", Exit.USAGE)
        return Query(
            stream=StreamKey.of(find_by_reference(owners[0])) if owners else None,
            instance=self.options["instance"],
            subject=read_subject(features[0]) if features else "",
            run=read_run_id(self.options["run"]) if self.options["run"] else None,
        )

    def _print(
        self, columns: tuple[str, ...], rows: Iterable[list[str]], documents: list[Any]
    ) -> None:
        if self.options["json"]:
            self.answer(documents)
        elif self.options["csv"]:
            self.stdout.write(render_csv([column.lower() for column in columns], rows))
        else:
            self.show(columns, rows)


def read_subject(name: str) -> str:
    """Return a feature's key. An archived feature has a history, too: its key is taken as it is."""
    definitions = current_definitions()
    try:
        return definitions.get(name).key
    except UnknownFeature:
        if Event.objects.filter(subject=name).exists():
            return name
        raise


def event_row(event: Event) -> list[str]:
    """Return an event as a row of a table."""
    is_feature = event.type.startswith("features.")
    what = event.subject if is_feature else f"{event.type} {event.subject}".strip()
    states = ((event.before, event.locked_before), (event.after, event.locked_after))
    before, after = (_state_text(value, locked, is_feature) for value, locked in states)
    run = str(event.run) if event.run else ""
    return [
        str(event.pk),
        render_time(event.created_at),
        event.actor_name,
        event.surface,
        stream_text(event),
        what,
        before,
        after,
        event.reason,
        run,
    ]


def stream_text(event: Event) -> str:
    """Return the owner of an event as commands write it, or what else it is of."""
    stream = event.stream
    if stream.level:
        return write_reference(stream.level, stream.instance, stream.owner)
    place = f"{stream.instance}/" if stream.instance else ""
    return f"{stream.kind}:{place}{stream.owner}"


def run_row(run: Run) -> list[str]:
    """Return a run as a row of a table."""
    what = f"{run.kind} of {run.undoes}" if run.undoes else run.kind
    started = render_time(run.started_at)
    numbers = (str(run.changed), str(run.errors))
    return [str(run.pk), started, run.actor_name, what, run.state, *numbers, run.reason]


def _state_text(value: Any, locked: bool, is_feature: bool) -> str:
    if value is None:
        return "inherits" if is_feature else ""
    return f"{value_text(value)}{' (locked)' if locked else ''}"
