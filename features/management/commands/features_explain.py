from typing import Any

from django.core.management.base import CommandParser

from access.commands import Exit, StrataCommand
from features.explaining import explanation_document, explanation_lines
from features.kinds import InvalidValue
from features.services import explain
from tenancy.references import find_by_reference


class Command(StrataCommand):
    help = "Tell why a feature has its value: every level, the winner, the locks."
    example = "features_explain user:alice login_default_org --expect on"

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument(
            "owner", metavar="OWNER", help="system, instance:ID, organization:ID or user:ID"
        )
        parser.add_argument("feature", metavar="FEATURE", help="key of a feature")
        parser.add_argument("--expect", metavar="VALUE", help="exit 1 unless it is the value")

    def run(self, owner: str, feature: str, expect: str | None, **options: Any) -> Exit:
        explanation = explain(find_by_reference(owner), feature)
        if options["json"]:
            self.answer(explanation_document(explanation))
        else:
            self.stdout.write("\n".join(explanation_lines(explanation)))
        if expect is None:
            return Exit.DONE
        try:
            expected = explanation.definition.kind.parse_text(expect)
        except InvalidValue as error:
            self.say(f"--expect: {error}")
            return Exit.USAGE
        return Exit.DONE if explanation.effective.value == expected else Exit.FAILED
