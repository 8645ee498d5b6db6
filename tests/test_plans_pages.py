"""Pages of plans and of their changes cost the same, however many there are."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.factories import make_cast
from tests.planning import caller, make_plan, row
from tests.test_list_indexes import explain, faults

pytestmark = pytest.mark.django_db

TABLES = {"plans": "features_storedplan", "changes": "features_storedchange"}


@pytest.mark.parametrize("order", ["-created", "created"])
def test_plans__every_page__is_read_in_the_order_of_an_index(client, order):
    root = caller(client, make_cast().root)
    for _ in range(3):
        make_plan(root, row("bob", True))

    pages = ask_twice(root, f"plans?limit=1&order={order}", TABLES["plans"])

    assert len(pages) >= 2
    assert not any(map(faults, pages)), pages


def test_changes__every_page__is_read_in_the_order_of_an_index(client):
    root = caller(client, make_cast().root)
    plan = make_plan(root, row("bob", True), row("carol", True), row("alice", True))

    pages = ask_twice(root, f"plans/{plan['id']}/changes?limit=1", TABLES["changes"])

    assert len(pages) >= 2
    assert not any(map(faults, pages)), pages


def ask_twice(root, path, table):
    """Return how the database reads the first and the second page of a list."""
    with CaptureQueriesContext(connection) as queries:
        cursor = root("GET", path).json()["next"]
        root("GET", f"{path}&cursor={cursor}")
    if connection.vendor == "postgresql":
        with connection.cursor() as raw:
            # The plan as it is for large tables: small ones are read whole, and sorted.
            for way in ("seqscan", "sort", "bitmapscan"):
                raw.execute(f"SET LOCAL enable_{way} = off")
    asked = [query["sql"] for query in queries]
    return [explain(sql) for sql in asked if f'FROM "{table}"' in sql and "LIMIT 2" in sql]
