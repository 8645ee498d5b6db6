"""What a page costs does not grow with the rows of others: counted in SQLite's own steps."""

from datetime import UTC, datetime

import pytest

from access.models import AccessToken, Membership
from access.permissions import Role
from access.services import grant_role
from benchmarks.api_lists import all_lists
from features.services import set_features
from tenancy.models import User
from tenancy.services import create_instance, create_organization
from tests.factories import BY, make_cast, make_holder, token_for
from tests.rest import RootApi
from tests.sqlite_steps import count_steps, counts_steps

pytestmark = [pytest.mark.django_db, counts_steps]

LISTS = ("memberships", "tokens", "users", "organizations")


def make_many(organization, count, start=0):
    """Make users who each hold a role on their organization, and a token."""
    numbers = range(start, start + count)
    instance = organization.instance
    users = User.objects.bulk_create(
        User(
            instance=instance,
            organization=organization,
            public_id=f"u{n}",
            username=f"user{n}",
            name=f"Person {n}",
            email=f"p{n}@x.example",
        )
        for n in numbers
    )
    Membership.objects.bulk_create(
        Membership(
            user=user, role=Role.ORG_OWNER_VIEWER, instance=instance, organization=organization
        )
        for user in users
    )
    AccessToken.objects.bulk_create(
        AccessToken(
            instance=instance,
            user=user,
            digest=f"{organization.pk} {user.pk}",
            prefix="x",
            expires_at=datetime(2030, 1, 1, tzinfo=UTC),
        )
        for user in users
    )


def api_of(client, user):
    api = RootApi.__new__(RootApi)
    api.client, api.token = client, token_for(user)
    return api


def first_pages():
    """Return the first pages of these lists: of fewer rows than fit they meet all there are."""
    names = [name.split() for name in all_lists()]
    return [
        path
        for words, path in zip(names, all_lists().values(), strict=True)
        if words[0] in LISTS and words[-1] != "far"
    ]


def dearer(api, paths, before):
    """Return the pages that cost more now, with their steps before and now."""
    now = {path: count_steps(api, path, rows=None) for path in paths}
    return {path: (before[path], now[path]) for path in paths if now[path] > 1.5 * before[path]}


@pytest.mark.parametrize("caller", ["iam_owner", "org_owner"])
def test_list__of_a_small_instance__costs_the_same_beside_a_large_one(client, caller):
    cast = make_cast()
    set_features(cast.bob, {"actions": True}, **BY)
    make_holder(Role.ORG_OWNER_VIEWER, cast.acme, "holder")
    make_many(cast.acme, 20)  # fewer than a page: a list that walks meets all there are
    callers = {"org_owner": cast.alice, "iam_owner": make_holder(Role.IAM_OWNER, cast.instance)}
    api = api_of(client, callers[caller])
    paths = first_pages()
    alone = {path: count_steps(api, path, rows=None) for path in paths}

    large = create_instance("Large", public_id="large")
    make_many(create_organization(large, "Most", public_id="most"), 600)

    assert dearer(api, paths, alone) == {}


@pytest.mark.parametrize("number", [1, 2])
def test_list__of_small_organizations__costs_their_owner_the_same_beside_a_large_one(
    client, number
):
    cast = make_cast()
    if number > 1:
        second = create_organization(cast.instance, "Second", public_id="second")
        grant_role(cast.alice, Role.ORG_OWNER, second, **BY)
    set_features(cast.bob, {"actions": True}, **BY)
    make_holder(Role.ORG_OWNER_VIEWER, cast.acme, "holder")
    make_many(cast.acme, 20)
    api = api_of(client, cast.alice)
    paths = first_pages()
    alone = {path: count_steps(api, path, rows=None) for path in paths}

    make_many(cast.globex, 600, start=20)

    assert dearer(api, paths, alone) == {}


@pytest.mark.parametrize("path", ["memberships", "users?order=name", "users?q=user1"])
def test_list__of_one_of_two_organizations_that_grows__costs_their_owner_the_same(client, path):
    cast = make_cast()
    grant_role(cast.alice, Role.ORG_OWNER, cast.globex, **BY)
    make_many(cast.acme, 200)
    make_many(cast.globex, 60, start=10_000)
    api = api_of(client, cast.alice)
    paths = [f"/api/v1/{path}"]
    small = {path: count_steps(api, path) for path in paths}

    make_many(cast.acme, 1000, start=200)

    assert dearer(api, paths, small) == {}


OF_ROLES = [
    *("", "role=ORG_OWNER_VIEWER", "role=ORG_OWNER", "organization=acme", "user=u5"),
    *("organization=acme&role=ORG_OWNER", "organization=globex&role=ORG_OWNER_VIEWER"),
    *("user=alice&role=ORG_OWNER", "organization=acme&user=alice", "order=-created&user=bob"),
]


@pytest.mark.parametrize("caller", ["iam_owner", "org_owner"])
def test_memberships__of_an_organization_that_grows__cost_the_same(client, caller):
    cast = make_cast()
    make_many(cast.acme, 100)
    callers = {"org_owner": cast.alice, "iam_owner": make_holder(Role.IAM_OWNER, cast.instance)}
    api = api_of(client, callers[caller])
    paths = [f"/api/v1/memberships?{query}" for query in OF_ROLES]
    small = {path: count_steps(api, path, rows=None) for path in paths}

    make_many(cast.acme, 1000, start=100)

    assert dearer(api, paths, small) == {}
