import json
from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser
from django.db import transaction

from access.commands import Exit, Failed, StrataCommand
from features.defining import define_feature, edit_feature, find_feature
from features.definitions import UnknownFeature, compile_definition
from features.kinds import KINDS, InvalidValue, make_kind
from features.models import Feature, Stage
from features.serializers import render_definition
from tenancy.levels import OWNED_LEVELS, Level


class Command(StrataCommand):
    help = "Define a feature, or change the named fields of one that there is."
    example = "features_define dark_mode --kind boolean --default off --name 'Dark mode'"
    writes = True

    def add_options(self, parser: CommandParser) -> None:
        labels = ",".join(level.label for level in OWNED_LEVELS)
        parser.add_argument("key", metavar="FEATURE", help="small letters, digits, underscores")
        parser.add_argument(
            "--kind",
            choices=list(KINDS),
            metavar="KIND",
            help=f"of its values: {', '.join(KINDS)}; a new one: boolean",
        )
        parser.add_argument("--options", metavar="JSON", help="of the kind; @FILE reads a file")
        parser.add_argument("--default", metavar="VALUE", help="on, off or JSON")
        parser.add_argument("--name", metavar="TEXT", help="for people")
        parser.add_argument("--description", metavar="TEXT", help="what it does")
        parser.add_argument("--levels", metavar="LEVELS", help=f"where it may be set: {labels}")
        parser.add_argument(
            "--stage",
            choices=Stage.values,
            metavar="STAGE",
            help=f"how far it has come: {', '.join(Stage.values)}",
        )
        parser.add_argument("--expires", metavar="DATE", help="a reminder, 2027-01-31; or never")
        state = parser.add_mutually_exclusive_group()
        state.add_argument(
            "--enable",
            dest="enabled",
            action="store_true",
            default=None,
            help="let the values that are set count",
        )
        state.add_argument(
            "--disable",
            dest="enabled",
            action="store_false",
            default=None,
            help="give everybody the default, whatever is set",
        )

    def run(self, key: str, **options: Any) -> Exit | None:
        enabled = Feature.objects.filter(key=key, enabled=True)
        if options["enabled"] is False and not options["dry_run"] and enabled.exists():
            self.confirm(f"This takes {key} from everybody.", Level.SYSTEM.label)
        by: dict[str, Any] = {"actor": self.author, "origin": self.origin}
        with transaction.atomic():
            try:
                known: Feature | None = find_feature(key)
            except UnknownFeature:
                known = None
            fields = read_fields(options, known)
            if known is None:
                row = define_feature(key, **fields, **by)
            else:
                row = edit_feature(key, fields, **by)
            # A dry run is the real one, taken back.
            transaction.set_rollback(options["dry_run"])
        if options["json"]:
            self.answer(render_definition(compile_definition(row)))
        verb = "Changed" if known else "Defined"
        self.say(f"{verb} {row.key}.{' A dry run: taken back.' if options['dry_run'] else ''}")
        return None


def read_fields(options: dict[str, Any], known: Feature | None) -> dict[str, Any]:
    """Return the fields that the options name, as the services take them."""
    names = ("kind", "name", "description", "stage", "enabled")
    fields = {name: options[name] for name in names if options[name] is not None}
    if options["options"] is not None:
        fields["options"] = read_json_option("--options", options["options"])
    if options["levels"] is not None:
        fields["levels"] = [label.strip() for label in options["levels"].split(",")]
    if options["expires"] is not None:
        fields["expires_on"] = read_date(options["expires"])
    if known is None:
        fields.setdefault("kind", "boolean")
        if options["default"] is None and fields["kind"] != "boolean":
            raise Failed(f"--default: a feature of kind {fields['kind']} needs one", Exit.USAGE)
    if options["default"] is not None or known is None:
        name = fields.get("kind") or (known.kind if known else "boolean")
        kind_options = fields.get("options", known.options if known else {})
        fields["default"] = read_default(name, kind_options, options["default"] or "off")
    return fields


def read_default(kind: str, options: Any, text: str) -> Any:
    """Return the default as its kind reads a text."""
    try:
        return make_kind(kind, options).parse_text(text)
    except InvalidValue as error:
        raise Failed(f"--default: {error}") from error
    except (TypeError, ValueError) as error:
        raise Failed(f"--options: {error}") from error


def read_json_option(name: str, text: str) -> Any:
    """Return the JSON of an option, or of the file that it names behind an @."""
    try:
        if text.startswith("@"):
            text = Path(text[1:]).read_text(encoding="utf-8-sig")
        return json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise Failed(f"{name}: {error}", Exit.USAGE) from error


def read_date(text: str) -> date | None:
    """Return the date of an option; None for ``never``."""
    if text == "never":
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Failed(f'--expires: "{text}" is no date: write 2027-01-31', Exit.USAGE) from None
