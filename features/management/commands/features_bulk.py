import hashlib
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

from django.core.management.base import CommandParser

from access.commands import Exit, Failed
from access.reports import Fault
from events.history import find_run
from events.models import Run
from events.runs import new_run
from features.bulk.commands import PlanCommand
from features.bulk.inputs import open_input
from features.bulk.plan import plan_rows
from features.bulk.rows import (
    ENDINGS,
    FORMATS,
    INTERPRETERS,
    BadInput,
    read_owners,
    read_rows,
)
from tenancy.levels import OWNED_LEVELS

KIND = "bulk"


class Command(PlanCommand):
    help = "Change features of many owners from a file, all or nothing, or batch by batch."
    example = "features_bulk rows.csv --dry-run"
    in_batches = True

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument(
            "file",
            metavar="FILE",
            nargs="?",
            help="rows level,owner,feature,value[,reason] as CSV, JSON Lines or YAML; - is stdin",
        )
        parser.add_argument("--format", choices=FORMATS, help="default: by the file's ending, csv")
        parser.add_argument("--owners-from", metavar="FILE", help="a list of owners instead")
        parser.add_argument("--feature", metavar="F", help="with --owners-from: the feature")
        parser.add_argument("--value", metavar="V", help="with --owners-from: on, off, …")
        levels = [level.label for level in OWNED_LEVELS]
        parser.add_argument("--level", choices=levels, default="user", help="of the owners")

    def run(self, file: str | None, **options: Any) -> Exit:
        path = self._choose_input(file, options)
        name = options["format"] or ENDINGS.get(Path(path).suffix.lower(), "csv")
        given = (options["level"], options["feature"], options["value"])
        with open_input(path) as stream, ExitStack() as reading:
            run = self._find_run(stream, given)
            if run.finished_at:
                self.say(f"Run {run.pk} is finished: nothing to do.")
                return Exit.DONE
            interpret = INTERPRETERS[name if file else "csv"]
            try:
                rows = read_rows(stream, name) if file else read_owners(stream, *given)
                tell = reading.enter_context(self.progress.counting("Reading", None))
                with plan_rows(rows, interpret, tell=tell) as plan:
                    reading.close()
                    return self.carry_out(plan, run)
            except BadInput as error:
                raise Failed.for_faults([Fault("bad_input", str(error))]) from error

    def _find_run(self, stream: BinaryIO, given: tuple[Any, ...]) -> Run:
        """Return the run to go on with, or a new one; one in batches knows its input."""
        size, resumed = self.options["batch_size"], self.options["resume"]
        source = digest(stream, given) if size or resumed else ""
        if not resumed:
            return new_run(
                KIND, actor=self.author, origin=self.origin, source=source, batch_size=size
            )
        run = find_run(resumed)
        if not (run.kind == KIND and run.batch_size):
            raise Failed(f"run {run.pk} has no batches: there is nothing to resume")
        if run.source != source:
            raise Failed(f"run {run.pk} had another input; nothing was written", Exit.CONFLICT)
        return run

    def _choose_input(self, file: str | None, options: dict[str, Any]) -> str:
        """Return the one input that was named. Failed for none, two, or half of what is needed."""
        owners = options["owners_from"]
        if bool(file) == bool(owners):
            raise Failed("give either FILE or --owners-from FILE", Exit.USAGE)
        if owners and (options["feature"] is None or options["value"] is None):
            raise Failed("--owners-from needs --feature and --value", Exit.USAGE)
        if file and (options["feature"] is not None or options["value"] is not None):
            raise Failed("--feature and --value belong to --owners-from", Exit.USAGE)
        if options["batch_size"] < 0:
            raise Failed("--batch-size: a number from 1", Exit.USAGE)
        return str(file or owners)


def digest(stream: BinaryIO, given: tuple[Any, ...]) -> str:
    """Return what tells one input from another; the stream is back at its start."""
    found = hashlib.sha256(repr(given).encode())
    while block := stream.read(1 << 16):
        found.update(block)
    stream.seek(0)
    return found.hexdigest()
