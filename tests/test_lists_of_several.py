"""Who has several organizations and not all reads one list of them, in the order of any other."""

import pytest

from access.permissions import Role
from access.services import grant_role
from api.views import base
from tenancy.services import create_organization, create_user
from tests.factories import BY, make_cast, make_holder, token_for
from tests.rest import RootApi

pytestmark = pytest.mark.django_db

NAMES = ("Ångström", "a-b", "A B", "ab", "", "zoë", "Zoe", "_x", "~", "same", "same")
SEEN = ("acme", "globex")
LISTS = {
    "users": [
        *("order=username", "order=-username", "order=name", "order=-name", "order=email"),
        *("order=created", "order=-created", "name=a", "q=user1", "organization=acme"),
    ],
    "memberships": [
        "",
        "order=-created",
        "role=ORG_OWNER_VIEWER",
        "organization=globex",
        "user=u3",
    ],
}


@pytest.fixture
def apis(client):
    cast = make_cast()
    unseen = create_organization(cast.instance, "Unseen", public_id="unseen")
    organizations = (cast.acme, cast.globex, unseen)
    for number, name in enumerate(NAMES * 3):
        organization = organizations[number % 3]
        user = create_user(organization, f"user{number}", public_id=f"u{number}", name=name)
        grant_role(user, Role.ORG_OWNER_VIEWER, organization, **BY)
    owner = make_holder(Role.ORG_OWNER, cast.acme, "owner")
    grant_role(owner, Role.ORG_OWNER, cast.globex, **BY)
    apis = [RootApi(client, cast) for _ in range(2)]
    apis[0].token = token_for(owner)
    return apis


def read_all(api, path, limit):
    """Return the rows of all pages."""
    rows: list[dict[str, str]] = []
    cursor: str | None = ""
    while cursor is not None:
        page = api("GET", f"/api/v1/{path}&limit={limit}" + (f"&cursor={cursor}" if cursor else ""))
        assert page.status_code == 200, page.json()
        rows += page.json()["results"]
        cursor = page.json()["next"]
    return rows


def is_seen(row):
    place = row["owner"] if "owner" in row else f"/{row['organization']}"
    return place.endswith(tuple(f"/{organization}" for organization in SEEN))


@pytest.mark.parametrize("merged", [base.MERGED, 1])
@pytest.mark.parametrize(("kind", "query"), [(k, q) for k, asked in LISTS.items() for q in asked])
def test_list__of_two_organizations__is_that_of_all_without_the_others(
    apis, monkeypatch, merged, kind, query
):
    monkeypatch.setattr(base, "MERGED", merged)
    owner, root = apis

    found = read_all(owner, f"{kind}?{query}", 3)

    assert found == [row for row in read_all(root, f"{kind}?{query}", 500) if is_seen(row)]
    assert found
