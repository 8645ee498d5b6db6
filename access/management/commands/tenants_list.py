import json
from collections.abc import Iterator
from typing import Any

from django.core.management.base import CommandParser

from access.commands import StrataCommand
from access.permissions import Role
from access.tables import render_csv
from access.tenant_plan import role_keys
from access.tenant_rows import COLUMNS, TYPES
from tenancy.models import Instance, Organization, User

CHUNK = 2000


class Command(StrataCommand):
    help = "List instances, organizations and users as rows that tenants_import reads."
    example = "tenants_list --type user --format csv"

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("--type", choices=TYPES, help="only these")
        parser.add_argument(
            "--format",
            choices=("table", "csv", "json", "jsonl"),
            default="table",
            help="default: table",
        )

    def run(self, type: str | None, **options: Any) -> None:
        rows = (row for name in TYPES if type in {None, name} for row in ROWS[name]())
        match "json" if options["json"] else options["format"]:
            case "json":
                self.answer([without_blanks(row) for row in rows])
            case "jsonl":
                for row in rows:
                    self.stdout.write(json.dumps(without_blanks(row), ensure_ascii=False))
            case "csv":
                self.stdout.write(render_csv(COLUMNS, ()))
                for row in rows:
                    self.stdout.write(render_csv((), [cells_of(row)]))
            case _:
                header = [column.upper() for column in COLUMNS]
                self.show(header, map(cells_of, rows))


Cells = dict[str, str | list[str]]


def instance_rows() -> Iterator[Cells]:
    """Yield a row for each instance."""
    for instance in Instance.objects.order_by("pk").prefetch_related("domains"):
        yield {
            "type": "instance",
            "id": instance.public_id,
            "name": instance.name,
            "domains": [domain.domain for domain in instance.domains.all()],
        }


def organization_rows() -> Iterator[Cells]:
    """Yield a row for each organization."""
    found = Organization.objects.order_by("pk").select_related("instance")
    for organization in found.iterator(CHUNK):
        yield {
            "type": "organization",
            "id": organization.public_id,
            "name": organization.name,
            "parent": organization.instance.reference,
        }


def user_rows() -> Iterator[Cells]:
    """Yield a row for each user, with the roles held on what the user belongs to."""
    found = User.objects.order_by("pk").select_related("organization__instance", "instance")
    for user in found.prefetch_related("memberships").iterator(CHUNK):
        roles = [
            membership.role
            for membership in user.memberships.all()
            if role_keys(Role(membership.role), user.organization)
            == (membership.instance_id, membership.organization_id)
        ]
        yield {
            "type": "user",
            "id": user.public_id,
            "name": user.name,
            "parent": user.parent.reference,
            "username": user.username,
            "email": user.email,
            "roles": roles,
        }


ROWS = dict(zip(TYPES, (instance_rows, organization_rows, user_rows), strict=True))


def cells_of(row: Cells) -> list[str]:
    """Return a row's cells in the columns' order, lists parted by semicolons."""
    cells = (row.get(column, "") for column in COLUMNS)
    return [";".join(cell) if isinstance(cell, list) else cell for cell in cells]


def without_blanks(row: Cells) -> Cells:
    """Return what a row says."""
    return {name: cell for name, cell in row.items() if cell}
