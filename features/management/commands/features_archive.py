from typing import Any

from django.core.management.base import CommandParser
from django.db import transaction

from access.commands import StrataCommand
from features.defining import archive_feature, count_overrides, restore_feature
from tenancy.levels import Level


class Command(StrataCommand):
    help = "Take features out of use, or with --restore into use again; their values are kept."
    example = "features_archive dark_mode --reason 'Everybody has it'"
    writes = True

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("features", metavar="FEATURE", nargs="+", help="keys of features")
        parser.add_argument("--restore", action="store_true", help="take it into use again")

    def run(self, features: list[str], restore: bool, dry_run: bool, **_options: Any) -> None:
        change = restore_feature if restore else archive_feature
        if not restore and not dry_run:
            self.confirm(f"This takes {', '.join(features)} from everybody.", Level.SYSTEM.label)
        with transaction.atomic():
            rows = [change(key, actor=self.author, origin=self.origin) for key in features]
            # A dry run is the real one, taken back.
            transaction.set_rollback(dry_run)
        numbers = {row.key: count_overrides(row) for row in rows}
        verb = "Restored" if restore else "Archived"
        for key, number in numbers.items():
            note = " A dry run: taken back." if dry_run else ""
            self.say(f"{verb} {key}, which {number:,} owners set.{note}")
        if self.options["json"]:
            self.answer([{"feature": key, "owners": number} for key, number in numbers.items()])
