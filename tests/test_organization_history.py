"""What the owner of one organization sees of its history: on pages, by filters, search and API."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from access.actors import actor_for
from access.permissions import Role
from access.policy import visible_events
from access.services import grant_role, issue_token, revoke_role, revoke_token
from access.tenants import change_tenant, create_organization, create_user
from events.models import Event
from features.services import set_features
from tests.admin_forms import sign_in
from tests.factories import BY, make_client, make_holder, token_for

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast(cast):
    """Acme and Globex with the same history each; what is Globex's is named so."""
    Event.objects.all().delete()
    for organization, user in ((cast.acme, cast.bob), (cast.globex, cast.carol)):
        change_tenant(organization, {"name": f"New {organization.name}"}, **BY)
        change_tenant(user, {"email": f"{user.username}@{organization.public_id}.example"}, **BY)
        revoke_role(grant_role(user, Role.ORG_OWNER_VIEWER, organization, **BY), **BY)
        token = issue_token(user, description=f"of {organization.public_id}", **BY)
        revoke_token(token.row, **BY)
        set_features(user, {"actions": True}, **BY)
    grant_role(cast.bob, Role.ORG_OWNER_VIEWER, cast.globex, **BY)
    grant_role(cast.bob, Role.IAM_USER_MANAGER, cast.instance, **BY)
    grant_role(cast.carol, Role.ORG_OWNER_VIEWER, cast.acme, **BY)
    issue_token(make_client(cast.instance, "owner", description="of main").client, **BY)
    change_tenant(cast.instance, {"name": "Mainland"}, **BY)
    return cast


OWN = [
    ("organization.tenant", "tenants.changed", "acme"),
    ("user", "features.set", "bob"),
    ("user.roles", "roles.granted", "bob"),
    ("user.roles", "roles.revoked", "bob"),
    ("user.tenant", "tenants.changed", "bob"),
    ("user.token", "tokens.issued", "bob"),
    ("user.token", "tokens.revoked", "bob"),
]


def told(events):
    return sorted((event.stream.kind, event.type, event.stream.owner) for event in events)


@pytest.mark.parametrize("role", [Role.ORG_OWNER, Role.ORG_OWNER_VIEWER])
def test_history__owner_of_an_organization__is_of_it_and_its_people_alone(cast, client, role):
    owner = make_holder(role, cast.acme)
    Event.objects.filter(stream__owner=owner.public_id).delete()
    sign_in(client, owner)

    page = client.get(reverse("admin:history"))

    assert told(page.context["events"]) == OWN
    assert "globex" not in page.content.decode().lower()


@pytest.mark.parametrize(
    ("role", "kinds"),
    [
        (Role.ORG_USER_MANAGER, {"user", "user.tenant"}),
        (Role.ORG_SETTINGS_MANAGER, {"organization.tenant"}),
        (Role.ORG_ADMIN_IMPERSONATOR, set()),
    ],
)
def test_history__narrower_role__shows_what_it_may_read(cast, role, kinds):
    actor = actor_for(make_holder(role, cast.acme))
    Event.objects.filter(stream__owner=actor.id).delete()

    seen = Event.objects.filter(visible_events(actor)).select_related("stream")

    assert {event.stream.kind for event in seen} == kinds
    assert {event.stream.owner for event in seen} <= {"acme", "bob"}


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"feature": "ORG_OWNER_VIEWER"}, 2),
        ({"feature": "email"}, 1),
        ({"feature": "actions"}, 1),
        ({"who": "tester"}, len(OWN)),
        ({"surface": "command"}, len(OWN)),
        ({"surface": "rpc"}, 0),
    ],
)
def test_history__filtered__stays_within_the_organization(cast, client, query, count):
    sign_in(client, cast.alice)

    assert len(client.get(reverse("admin:history"), query).context["events"]) == count


def test_history__of_one_owner__shows_own_people_and_no_other(cast, client):
    sign_in(client, cast.alice)

    bob = client.get(reverse("admin:owner_history", args=["user", cast.bob.pk]))
    acme = client.get(reverse("admin:owner_history", args=["organization", cast.acme.pk]))
    carol = client.get(reverse("admin:owner_history", args=["user", cast.carol.pk]))

    assert told(bob.context["events"]) == [one for one in OWN if one[2] == "bob"]
    assert told(acme.context["events"]) == [one for one in OWN if one[2] == "acme"]
    assert carol.status_code == 404


def test_search__role_name__finds_the_events_of_the_own_organization(cast, client):
    sign_in(client, cast.alice)

    page = client.get(reverse("admin:search"), {"q": "ORG_OWNER_VIEWER"}).content.decode()

    assert page.count("user.roles/main/bob") == 2
    assert "carol" not in page


def test_events_api__owner_of_an_organization__lists_the_same(cast, client):
    headers = {"Authorization": f"Bearer {token_for(cast.alice)}"}
    Event.objects.filter(stream__owner="alice").delete()

    events = client.get("/api/v1/events", headers=headers).json()["results"]

    seen = sorted((event["stream"].split("/")[0], event["type"]) for event in events)
    assert seen == [one[:2] for one in OWN]
    assert "globex" not in str(events)


def test_event__of_another_organization__does_not_exist(cast, client):
    headers = {"Authorization": f"Bearer {token_for(cast.alice)}"}
    hidden = Event.objects.filter(stream__owner__in=["carol", "globex", "main"])

    answers = {
        client.get(f"/api/v1/events/{event.pk}", headers=headers).status_code for event in hidden
    }

    assert answers == {404}


def test_history__namesakes_in_another_instance__are_not_seen(cast, client):
    from tenancy.services import create_instance

    other = create_instance("Other", public_id="other", domains=["other.example"])
    acme = create_organization(other, "Their Acme", public_id="acme", **BY)
    bob = create_user(acme, "bob", public_id="bob", **BY)
    grant_role(bob, Role.ORG_OWNER, acme, **BY)
    issue_token(bob, **BY)
    sign_in(client, cast.alice)

    page = client.get(reverse("admin:history"))

    assert told(page.context["events"]) == OWN


def test_history__owner_of_an_organization__costs_the_same_queries(cast, client):
    sign_in(client, cast.alice)
    client.get(reverse("admin:history"))
    with CaptureQueriesContext(connection) as few:
        client.get(reverse("admin:history"))
    for number in range(5):
        user = create_user(cast.acme, f"user{number}", **BY)
        grant_role(user, Role.ORG_OWNER_VIEWER, cast.acme, **BY)

    with CaptureQueriesContext(connection) as many:
        client.get(reverse("admin:history"))

    assert len(many) == len(few)


# The history of very many others, each with an event like one that is there.
STREAMS = """
    WITH RECURSIVE k(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM k WHERE n < 30000)
    INSERT INTO events_stream (kind, instance, owner, sequence)
    SELECT 'user', 'main', 'other' || n, 1 FROM k
"""
EVENTS = """
    INSERT INTO events_event (stream_id, {columns})
    SELECT other.id, {columns} FROM (
        SELECT {columns} FROM events_event WHERE id = %s
    ) AS one, (SELECT id FROM events_stream WHERE owner LIKE 'other%%') AS other
"""


def test_visible_events__few_of_many__are_found_without_walking_the_others(cast):
    like = Event.objects.get(stream__kind="user", stream__owner="carol")
    names = [str(field.column) for field in Event._meta.concrete_fields]
    columns = ", ".join(name for name in names if name not in {"id", "stream_id"})
    with connection.cursor() as cursor:
        cursor.execute(STREAMS)
        cursor.execute(EVENTS.format(columns=columns), [like.pk])
        cursor.execute("ANALYZE")

    seen = Event.objects.filter(visible_events(actor_for(cast.alice)))
    for rows in (seen, seen.filter(subject="actions")):
        plan = rows.order_by("-pk")[:8].explain()

        assert "SCAN events_event" not in plan
        assert "Seq Scan on events_event" not in plan
        # In the order of an index, but without a condition on it: from the newest to the oldest.
        assert not re.search(
            r"Scan Backward using \w+ on events_event[^\n]*\n\s+(?!\s|Index)", plan
        )
