from typing import Any

from django.core.management.base import CommandParser

from access.commands import Exit
from features.bulk.documentcommands import DocumentCommand
from features.bulk.inputs import open_input


class Command(DocumentCommand):
    help = "Do what a document says, or a plan that features_plan saved, if nothing has moved."
    example = "features_apply state.yaml --dry-run"

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE|PLAN", help="- is stdin")
        parser.add_argument(
            "--prune", action="store_true", help="reset what the document does not speak of"
        )

    def run(self, file: str, prune: bool, **_options: Any) -> Exit:
        with open_input(file) as stream:
            return self.work(stream, prune=prune)
