from typing import Any

from django.core.management.base import CommandParser

from access.commands import StrataCommand, find_instance
from features.bulk.document import WRITERS, export_document
from features.bulk.inputs import open_output
from features.bulk.workspace import snapshot


class Command(StrataCommand):
    help = "Write what every owner sets, and the definitions, as a document for features_apply."
    example = "features_export --output state.yaml"

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("--instance", metavar="ID", help="of one instance only")
        parser.add_argument("--format", choices=list(WRITERS), default="yaml", help="default: yaml")
        parser.add_argument("--output", metavar="FILE", help="instead of stdout")

    def run(self, instance: str | None, output: str | None, **options: Any) -> None:
        chosen = None if instance is None else find_instance(instance)
        name = "json" if options["json"] else options["format"]
        with snapshot():
            if output:
                with open_output(output) as file:
                    export_document(file.write, name, chosen)
            else:
                out = self.stdout
                export_document(lambda text: out.write(text, ending=""), name, chosen)
