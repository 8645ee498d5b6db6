"""Reads of one thing: the same policy as its list, with the queries that it takes and no more."""

import uuid
from typing import Any

import pytest
from django.utils import timezone

from access.actors import actor_for
from access.models import Membership
from access.permissions import Role
from access.policy import SEEN_IN, sees_stream, visible_events
from events.models import Event, Run
from events.services import Entry, Origin, StreamKey, append
from tenancy.levels import Level
from tenancy.models import System
from tenancy.services import create_instance, create_organization
from tests.factories import ORIGIN, TESTER, make_cast, make_client, make_holder, token_for
from tests.rest import RootApi

pytestmark = pytest.mark.django_db

ONE = 1  # the token, its holder and the roles
STREAMS = [
    StreamKey(kind, instance, owner)
    for kind in [*SEEN_IN, "of no known kind"]
    for owner in ("SYSTEM", "main", "acme", "gone", "bob", "carol", "x")
    for instance in ("", "main", "other")
]


def people(cast):
    other = create_instance("Other", public_id="other")
    create_organization(other, "Acme", public_id="acme")
    owners = {"SYSTEM": System(), "IAM": cast.instance, "ORG": cast.acme}
    holders = {role.value: make_holder(role, owners[role.value.partition("_")[0]]) for role in Role}
    everybody = {**holders, "root": cast.root, "alice": cast.alice, "bob": cast.bob}
    actors: dict[str, Any] = {name: actor_for(person) for name, person in everybody.items()}
    for feature in ("owner", "direct_read_access", "access_issuer"):
        actors[feature] = make_client(cast.instance, feature).client.as_actor()
    return actors


def test_sees_stream__every_caller_and_stream__says_what_the_list_shows():
    cast = make_cast()
    actors = people(cast)
    Event.objects.all()._raw_delete("default")
    for key in STREAMS:
        append(key, [Entry("x", "actions")], actor=TESTER, origin=ORIGIN)
    events = list(Event.objects.filter(stream__instance__in=["", "main"]).select_related("stream"))

    for name, actor in actors.items():
        listed = set(Event.objects.filter(visible_events(actor)).values_list("pk", flat=True))
        seen = {event for event in events if sees_stream(actor, event.stream, cast.instance)}
        shown = {event for event in events if event.pk in listed}
        of_one = any(grant.level is Level.ORGANIZATION for grant in actor.grants)
        assert seen <= shown if of_one else seen == shown, name


@pytest.mark.parametrize(
    ("path", "queries"),
    [
        ("instances/main", ONE + 2),
        ("organizations/acme", ONE + 1),
        ("users/bob", ONE + 1),
        ("memberships/{membership}", ONE + 1),
        ("features/actions", ONE + 1),
        ("events/{event}", ONE + 1),
        ("runs/{run}", ONE + 2),
    ],
)
def test_read__one_thing__takes_few_queries(client, path, queries, django_assert_num_queries):
    cast = make_cast()
    run = Run.objects.create(id=uuid.uuid4(), kind="bulk", state="done", started_at=timezone.now())
    origin = Origin(surface=ORIGIN.surface, run=run.pk)
    append(StreamKey.of(cast.bob), [Entry("x", "actions")], actor=TESTER, origin=origin)
    root = RootApi(client, cast)
    path = path.format(
        membership=Membership.objects.latest("pk").pk,
        event=Event.objects.latest("pk").pk,
        run=run.pk,
    )
    root("GET", f"/api/v1/{path}")

    with django_assert_num_queries(queries):
        response = root("GET", f"/api/v1/{path}")

    assert response.status_code == 200, response.json()


def test_read_event__of_another_organization__is_none(client):
    cast = make_cast()
    append(StreamKey.of(cast.bob), [Entry("x", "actions")], actor=TESTER, origin=ORIGIN)
    append(StreamKey.of(cast.carol), [Entry("x", "actions")], actor=TESTER, origin=ORIGIN)
    bobs, carols = Event.objects.filter(type="x").order_by("pk").values_list("pk", flat=True)
    api = RootApi(client, cast)
    api.token = token_for(cast.alice)

    assert api("GET", f"/api/v1/events/{bobs}").status_code == 200
    assert api("GET", f"/api/v1/events/{carols}").status_code == 404
