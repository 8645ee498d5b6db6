"""Every page of every list of the management API begins in an index, and sorts nothing."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from access.permissions import Role
from access.services import grant_role
from api.pagination import DEFAULT_LIMIT, make_cursor
from api.views.tenants import UserViewSet
from benchmarks.api_lists import FILTERS, all_lists
from events.models import Event
from features.services import lock_feature, set_features
from tenancy.models import Organization, User
from tests.factories import BY, make_cast, make_feature, make_holder, token_for
from tests.rest import RootApi
from tests.sqlite_steps import count_steps, counts_steps

pytestmark = pytest.mark.django_db

PAGE = f"LIMIT {DEFAULT_LIMIT + 1}"


@pytest.fixture
def callers(client):
    cast = make_cast()
    make_feature("rare")
    most = Organization.objects.create(instance=cast.instance, public_id="most", name="Most")
    for name in ("holder", "busy", "u5"):
        User.objects.create(
            instance=cast.instance, organization=most, public_id=name, username=name
        )
    set_features(cast.bob, {"actions": True, "rare": True}, **BY)
    set_features(User.objects.get(public_id="busy"), {"actions": True}, **BY)
    set_features(cast.acme, {"rare": True}, **BY)
    lock_feature(cast.acme, "rare", **BY)
    grant_role(cast.bob, Role.ORG_OWNER_VIEWER, cast.acme, **BY)
    holders = {
        "root": cast.root,
        "iam_owner": make_holder(Role.IAM_OWNER, cast.instance),
        "org_owner": cast.alice,
    }
    assert Event.objects.filter(created_at__lt=timezone.now()).exists()
    return {name: token_for(holder) for name, holder in holders.items()}


@pytest.mark.parametrize("caller", ["root", "iam_owner", "org_owner"])
def test_list__every_page_of_it__is_read_in_the_order_of_an_index(client, callers, caller):
    api = RootApi.__new__(RootApi)
    api.client, api.token = client, callers[caller]
    if connection.vendor == "postgresql":
        # The plan as it is for large tables: small ones are read whole, and sorted.
        with connection.cursor() as cursor:
            for way in ("seqscan", "sort", "bitmapscan"):
                cursor.execute(f"SET LOCAL enable_{way} = off")
            cursor.execute("SET LOCAL jit = off")  # which costs this high would begin

    asked, wrong = set(), []
    for name, path in all_lists().items():
        with CaptureQueriesContext(connection) as queries:
            response = api("GET", path)
        assert response.status_code in {200, 403}, (name, response.json())
        pages = [query["sql"] for query in queries if PAGE in query["sql"]]
        asked |= {name.split()[0] for _ in pages}
        for sql in filter(is_long, pages):
            plan = explain(sql)
            if faults(plan):
                wrong.append(f"{name}\n{plan}")

    assert not wrong, "\n\n".join(wrong)
    assert asked == set(FILTERS) or caller == "org_owner"  # who has neither instances nor tokens


@counts_steps
@pytest.mark.parametrize("order", ["username", "-username", "name", "-name", "email", "-email"])
def test_search__its_last_page__takes_no_more_steps_than_its_first(client, order):
    cast = make_cast()
    names = [f"user{number:04}" for number in range(2000)]
    User.objects.bulk_create(
        User(
            instance=cast.instance,
            organization=cast.acme,
            **dict.fromkeys(("public_id", "username", "name"), name),
            email=f"{name}@x.example",
        )
        for name in reversed(names)
    )
    api = RootApi(client, cast)
    last = User.objects.get(username=names[100] if order.startswith("-") else names[1900])
    searched = {"username": "q"}.get(order.strip("-"), order.strip("-"))
    path = f"/api/v1/users?{searched}=user&order={order}"

    far = f"{path}&cursor={make_cursor(UserViewSet.orderings[order], order, last)}"

    assert count_steps(api, far) < 2 * count_steps(api, path)


@counts_steps
@pytest.mark.parametrize("order", ["name", "-name"])
def test_list__of_many_with_the_same_name__its_last_page_takes_no_more_steps(client, order):
    cast = make_cast()
    users = User.objects.bulk_create(
        User(
            instance=cast.instance,
            organization=cast.acme,
            public_id=f"u{n}",
            username=f"u{n}",
            name="Same",
        )
        for n in range(2000)
    )
    api = RootApi(client, cast)
    last = User.objects.get(pk=users[1900 if order == "name" else 100].pk)
    path = f"/api/v1/users?name=same&order={order}"

    far = f"{path}&cursor={make_cursor(UserViewSet.orderings[order], order, last)}"

    assert count_steps(api, far) < 2 * count_steps(api, path)


def is_long(sql):
    """Whether there can be many: not what one owner, the instance or the system sets."""
    return not re.search(r'features_(instance|system)override"|"owner_id" = ', sql)


def explain(sql):
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
            return "\n".join(row[3] for row in cursor.fetchall())
        cursor.execute(f"EXPLAIN {sql}")
        return "\n".join(row[0] for row in cursor.fetchall())


def faults(plan):
    # An index that has all but the ties in order leaves a few rows of each page to sort.
    plan = plan.replace("Incremental Sort", "")
    if "One-Time Filter: false" in plan:
        return []  # there is nothing to read
    return re.findall(r"TEMP B-TREE FOR|MULTI-INDEX OR|Sort  \(|Seq Scan", plan)
