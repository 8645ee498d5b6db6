from typing import Any

from django.core.management.base import CommandParser

from access.commands import Exit, Failed
from access.reports import Fault
from features.commands import OwnerCommand
from features.definitions import Definitions, UnknownFeature, current_definitions
from features.kinds import InvalidValue
from features.planning import ChangeSet, Locked, misplaced_message, plan_changes
from features.serializers import parse_text_value
from tenancy.levels import Level
from tenancy.references import find_by_reference


class Command(OwnerCommand):
    help = "Set features of one owner: all that are given or, where one is wrong, none."
    example = "features_set organization:acme login_default_org=on --reason 'Asked for by support'"

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument(
            "owner", metavar="OWNER", help="system, instance:ID, organization:ID or user:ID"
        )
        parser.add_argument(
            "assignments",
            metavar="FEATURE=VALUE",
            nargs="+",
            help="VALUE is on, off, inherit or JSON",
        )

    def run(self, owner: str, assignments: list[str], **_options: Any) -> None:
        target = find_by_reference(owner)
        changes, faults = read_assignments(assignments, current_definitions(), target.level)
        if faults:
            faults += locked_faults(target, changes)
            is_usage = any(fault.code == "usage" for fault in faults)
            raise Failed.for_faults(faults, Exit.USAGE if is_usage else Exit.FAILED)
        self.plan_and_write(target, lambda: plan_changes(target, changes), len(changes))


def read_assignments(
    assignments: list[str], definitions: Definitions, level: Level
) -> tuple[ChangeSet, list[Fault]]:
    """Return the change set of FEATURE=VALUE texts, and all that is wrong with them."""
    changes: dict[str, Any] = {}
    seen: set[str] = set()
    faults: list[Fault] = []
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not (name and equals):
            faults.append(Fault("usage", f'"{assignment}" is not of the form FEATURE=VALUE'))
            continue
        try:
            definition = definitions.get(name)
        except UnknownFeature as error:
            faults.append(Fault("unknown_feature", str(error)))
            continue
        if definition.key in seen:
            faults.append(Fault("duplicate", f"{name}: the feature is named twice"))
        elif not definition.may_be_set_at(level):
            faults.append(Fault("misplaced", f"{name}: {misplaced_message(definition, level)}"))
        else:
            try:
                changes[definition.key] = parse_text_value(definition, text)
            except InvalidValue as error:
                faults += [
                    Fault("invalid_value", f"{name}{path}: {reason}")
                    for path, reason in error.problems
                ]
        seen.add(definition.key)
    return changes, faults


def locked_faults(owner: Any, changes: ChangeSet) -> list[Fault]:
    """Return what would be refused of the part of a change set that is right in itself."""
    refused: tuple[Locked, ...] = plan_changes(owner, changes).refused if changes else ()
    return [Fault("locked", str(error)) for error in refused]
