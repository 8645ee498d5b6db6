"""What features_lock and features_unlock share."""

from typing import Any, ClassVar

from django.core.management.base import CommandParser

from access.commands import Exit
from events.runs import new_run
from features.bulk.commands import PlanCommand
from features.bulk.plan import plan_rows
from features.bulk.wanted import Action, OwnerKey, Row, Wanted
from tenancy.references import find_by_reference


class LockCommand(PlanCommand):
    """Locks or unlocks features that an owner sets."""

    action: ClassVar[Action]

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument(
            "owner", metavar="OWNER", help="system, instance:ID, organization:ID or user:ID"
        )
        parser.add_argument("features", metavar="FEATURE", nargs="+", help="keys of features")

    def run(self, owner: str, features: list[str], **_options: Any) -> Exit:
        target = find_by_reference(owner)
        home = target.instance_or_none
        is_inside = home is not None and home != target
        key = OwnerKey(home.pk if home and is_inside else None, target.public_id)
        names = enumerate(dict.fromkeys(features), start=1)
        rows = [Row(line, target.level.label, key, name, "") for line, name in names]
        run = new_run(self.action.value, actor=self.author, origin=self.origin)
        with plan_rows(rows, lambda _definition, _text: Wanted(self.action)) as plan:
            return self.carry_out(plan, run)
