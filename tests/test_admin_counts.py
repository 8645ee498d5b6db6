"""What the pages of the admin cost: as many queries with fifty rows of each sort as with two."""

from dataclasses import replace
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from access.permissions import Role
from access.services import grant_role
from clients.models import ApiClient, Refusal, RefusalReason
from clients.services import set_networks
from events.models import Event
from features.services import set_features
from security.services import patch_security_settings
from tenancy.models import System, User
from tenancy.services import create_instance, create_organization, create_user
from tests.admin_addresses import furnish, pages_of
from tests.factories import BY, ORIGIN, TESTER, make_client, make_feature, token_for

SEARCHES = [
    *("/admin/search/?q=more", "/admin/search/?q=actions", "/admin/suggest/?kind=user&q=more"),
    *("/admin/tenancy/user/?q=more", "/admin/tenancy/organization/?q=more"),
    *("/admin/overrides/?level=user&feature=actions", "/admin/overrides/?q=more"),
    *("/admin/history/?feature=actions", "/admin/explain/?owner=more&feature=more"),
]


pytestmark = pytest.mark.once  # the statements are the same


@pytest.fixture
def cast(cast):
    User.objects.filter(pk=cast.alice.pk).update(is_staff=True)
    furnish(cast)
    return cast


def add_rows(cast, numbers):
    """Make one more of each sort of row for each number, and change what was there once more."""
    bob, acme, instance = cast.bob, cast.acme, cast.instance
    importer = ApiClient.objects.get(description="Importer")
    run = Event.objects.filter(run__isnull=False).latest("pk").run
    in_the_run: dict[str, Any] = {"actor": TESTER, "origin": replace(ORIGIN, run=run)}
    for n in numbers:
        organization = create_organization(instance, f"More {n}")
        user = create_user(organization, f"more{n}")
        member = create_user(acme, f"more-in-acme-{n}")
        make_feature(f"more_{n}", name=f"More {n}")
        for owner in (System(), instance, acme, bob, organization, user):
            set_features(owner, {"actions": bool(n % 2), f"more_{n}": True}, **in_the_run)
        grant_role(user, Role.ORG_OWNER, organization, **BY)
        grant_role(member, Role.ORG_OWNER_VIEWER, acme, **BY)
        for person in (user, bob):
            token_for(person)
        create_instance(f"More {n}", domains=[f"more{n}.example"])
        make_client(instance, "direct_access", description=f"More {n}")
        set_networks(importer, [f"10.{n}.{part}.0/24" for part in range(n + 1)], **BY)
        Refusal.objects.create(
            client_id=importer.client_id,
            reason=RefusalReason.SECRET,
            address="192.0.2.7",
            created_at=timezone.now(),
        )
        origins = tuple(f"https://more{part}.example" for part in range(n + 1))
        patch_security_settings(instance, {"allowed_origins": origins}, **BY)


def count_queries(person, paths):
    """Return how many queries each page takes of those that the person sees."""
    client = Client()
    client.force_login(person)
    client.get("/admin/")  # what is kept by revision is read once
    found = {}
    for path in paths:
        with CaptureQueriesContext(connection) as queries:
            response = client.get(path)
        if response.status_code == 200:
            found[path] = len(queries)
    return found


def test_every_page__of_two_rows_and_of_fifty__takes_the_same_queries(cast):
    add_rows(cast, range(2))
    paths = pages_of(cast) + SEARCHES
    few = {person: count_queries(person, paths) for person in (cast.root, cast.alice)}

    add_rows(cast, range(2, 50))
    many = {person: count_queries(person, paths) for person in (cast.root, cast.alice)}

    grown = {
        f"{path} for {person}": (few[person].get(path), count)
        for person, counts in many.items()
        for path, count in counts.items()
        if count > few[person].get(path, 0)
    }
    assert grown == {}
    assert many[cast.root].keys() == set(paths)
    # What an undo would do is found by the bulk changes' own steps, each a statement.
    assert max(count for path, count in many[cast.root].items() if "/undo/" not in path) <= 20
