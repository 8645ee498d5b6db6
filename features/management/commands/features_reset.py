from typing import Any

from django.core.management.base import CommandParser

from access.commands import Failed
from access.reports import Fault
from features.commands import OwnerCommand
from features.definitions import UnknownFeature, current_definitions
from features.planning import plan_reset
from tenancy.references import find_by_reference


class Command(OwnerCommand):
    help = "Let one owner inherit again: the features that are named, or all that it sets."
    example = "features_reset user:alice login_default_org"

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument(
            "owner", metavar="OWNER", help="system, instance:ID, organization:ID or user:ID"
        )
        parser.add_argument(
            "features", metavar="FEATURE", nargs="*", help="none named: all that the owner sets"
        )

    def run(self, owner: str, features: list[str], **_options: Any) -> None:
        target = find_by_reference(owner)
        keys = read_features(features) if features else None
        self.plan_and_write(target, lambda: plan_reset(target, keys), len(keys or ()))


def read_features(names: list[str]) -> list[str]:
    """Return the keys of the features, each once. Failed with every name that is none."""
    definitions = current_definitions()
    keys: dict[str, None] = {}
    faults: list[Fault] = []
    for name in names:
        try:
            keys[definitions.get(name).key] = None
        except UnknownFeature as error:
            faults.append(Fault("unknown_feature", str(error)))
    if faults:
        raise Failed.for_faults(faults)
    return list(keys)
