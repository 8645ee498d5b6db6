"""The tables of docs/roles.md say what the code does."""

from pathlib import Path

from django.conf import settings

from access.permissions import ALL_ACTIONS, Permission, Resource, Role
from access.role_texts import ROLE_SAYS

PAGE = (Path(settings.BASE_DIR) / "docs/roles.md").read_text()


def test_docs_roles__sentences__are_those_of_the_admin():
    written = {cells[0]: cells[1] for cells in rows_of(PAGE) if len(cells) == 2}

    assert written == {"role": "what it may do"} | {
        role.value: str(says) for role, says in ROLE_SAYS.items()
    }


def test_docs_roles__permissions__are_those_that_the_policy_reads():
    heads, *rows = [cells for cells in rows_of(PAGE) if len(cells) > 2]

    resources = [Resource(head.strip("`")) for head in heads[1:]]
    assert set(resources) == set(Resource)
    written = {row[0]: row[1:] for row in rows}
    carried = {
        role.value: [actions_on(role, resource) for resource in resources]
        for role in Role
        if role.permissions
    }
    assert written == carried


def rows_of(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def actions_on(role: Role, resource: Resource) -> str:
    held = [
        action.value for action in ALL_ACTIONS if Permission(resource, action) in role.permissions
    ]
    return "all" if len(held) == len(ALL_ACTIONS) else " ".join(held)
