import json
from typing import Any

from django.core.management.base import CommandParser

from access.commands import StrataCommand
from access.tables import render_csv, render_yaml
from features.definitions import Definition, current_definitions
from features.models import Stage
from features.serializers import render_definition
from tenancy.levels import OWNED_LEVELS, Level

FORMATS = ("table", "json", "csv", "yaml")


class Command(StrataCommand):
    help = "List the features that there are: kind, default, where each may be set, stage."
    example = "features_list --level organization --stage stable"

    def add_options(self, parser: CommandParser) -> None:
        levels = [level.label for level in OWNED_LEVELS]
        parser.add_argument("--level", choices=levels, help="only those that may be set there")
        parser.add_argument(
            "--stage",
            choices=Stage.values,
            metavar="STAGE",
            help=f"only those of that stage: {', '.join(Stage.values)}",
        )
        parser.add_argument("--format", choices=FORMATS, default="table", help="default: table")

    def run(self, level: str | None, stage: str | None, **options: Any) -> None:
        definitions = [
            definition
            for definition in current_definitions().ordered
            if (level is None or definition.may_be_set_at(Level.from_label(level)))
            and (stage is None or definition.stage == stage)
        ]
        documents = [render_definition(definition) for definition in definitions]
        match "json" if options["json"] else options["format"]:
            case "json":
                self.answer(documents)
            case "yaml":
                self.stdout.write(render_yaml(documents))
            case "csv":
                rows = [[_cell(value) for value in document.values()] for document in documents]
                columns = list(render_definition(definitions[0])) if definitions else []
                self.stdout.write(render_csv(columns, rows))
            case _:
                columns = ["KEY", "KIND", "DEFAULT", "SET AT", "STAGE", "NAME"]
                self.show(columns, map(_row, definitions))


def _row(definition: Definition) -> tuple[str, ...]:
    document = render_definition(definition)
    return (
        definition.key if definition.rules.enabled else f"{definition.key} (disabled)",
        definition.kind.name,
        _cell(definition.rules.default),
        " ".join(document["levels"]),
        definition.stage.value,
        definition.name,
    )


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
