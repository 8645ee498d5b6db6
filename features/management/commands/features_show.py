from typing import Any

from django.core.management.base import CommandParser

from access.commands import StrataCommand
from events.services import StreamKey, read_position
from features.explaining import value_text
from features.planning import Details
from features.resolution import Effective
from features.serializers import render_features
from features.services import FeatureValues, NothingSet, get_features
from tenancy.models import Owner
from tenancy.references import find_by_reference


class Command(StrataCommand):
    help = "Show an owner's features: the value that counts, and the level that it comes from."
    example = "features_show user:alice"

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument(
            "owner", metavar="OWNER", help="system, instance:ID, organization:ID or user:ID"
        )
        parser.add_argument("--own", action="store_true", help="only what the owner itself sets")

    def run(self, owner: str, own: bool, **options: Any) -> None:
        target = find_by_reference(owner)
        features = own_features(target) if own else get_features(target)
        if options["json"]:
            self.answer(render_features(features))
        elif features.values:
            rows = [
                (value.definition.key, value_text(value.effective.value), source_text(value))
                for value in features.values
            ]
            self.show(("FEATURE", "VALUE", "SOURCE"), rows)
        else:
            self.say(f"{target.reference} sets nothing of its own.")


def own_features(owner: Owner) -> FeatureValues:
    """Return what the owner itself sets, which may be nothing."""
    try:
        return get_features(owner, inheritance=False)
    except NothingSet:
        details = Details(read_position(StreamKey.of(owner)), owner.resource_owner)
        return FeatureValues(details, ())


def source_text(value: Any) -> str:
    """Name the level that a value comes from, and whether it is locked there."""
    effective: Effective = value.effective
    return f"{effective.source.label}{' (locked)' if effective.locked_by else ''}"
