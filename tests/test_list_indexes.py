"""Every list of the management API starts in an index, in order, on both databases."""

import pytest
from django.db import connection
from django.db.models import Q

from api.pagination import Ordering
from api.views.tenants import BY_CREATION, BY_NAME, UserViewSet
from events.models import Event
from features.models import UserOverride
from tenancy.models import Instance, Organization, User

pytestmark = pytest.mark.django_db

NEWEST = Ordering("pk", descending=True)
LISTS = {
    "instances by name": (Instance, Q(), BY_NAME["name"], "x"),
    "organizations by name": (Organization, Q(instance=1), BY_NAME["name"], "x"),
    "organizations by creation": (Organization, Q(instance=1), BY_CREATION["created"], None),
    "users by name": (User, Q(instance=1), UserViewSet.orderings["username"], "x"),
    "users by name, backwards": (User, Q(instance=1), UserViewSet.orderings["-username"], "x"),
    "users of an organization": (User, Q(organization=1), UserViewSet.orderings["username"], "x"),
    "events": (Event, Q(), NEWEST, None),
    "events of a feature": (Event, Q(subject="x"), NEWEST, None),
    "events of an actor": (Event, Q(actor_id="x"), NEWEST, None),
    "overrides": (UserOverride, Q(), Ordering("pk"), None),
}


@pytest.mark.parametrize("name", LISTS)
def test_list__its_pages__are_read_in_the_order_of_an_index(name):
    model, scope, ordering, value = LISTS[name]
    rows = model._default_manager.filter(scope)

    for page in (rows, rows.filter(ordering.after(value, 7))):
        plan = explain(ordering.apply(page)[:51])

        assert "INDEX" in plan or "PRIMARY KEY" in plan, plan
        assert "TEMP B-TREE" not in plan, plan
        # An index that has all but the ties in order leaves a few rows of each page to sort.
        assert "SORT  (" not in plan.replace("INCREMENTAL SORT", ""), plan


def explain(rows):
    """Return the plan as it is for large tables: the planner reads small ones whole."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            for way in ("seqscan", "sort", "bitmapscan"):
                cursor.execute(f"SET LOCAL enable_{way} = off")
    plan = rows.explain().upper()
    # Without a condition SQLite walks the table itself, which is in the order of its key.
    return plan.replace("SCAN EVENTS_EVENT", "PRIMARY KEY").replace(
        "SCAN FEATURES_USEROVERRIDE", "PRIMARY KEY"
    )
