"""Reads of one thing: the same policy as its list, with the queries that it takes and no more."""

import uuid
from typing import Any

import pytest
from django.utils import timezone

from access.actors import actor_for
from access.models import Membership
from access.permissions import Role
from access.policy import SEEN_IN, events_seen_in, sees_event, visible_events
from events.models import Event, Run
from events.services import Entry, Origin, StreamKey, append
from tenancy.models import Instance, System
from tenancy.services import create_instance, create_organization
from tests.factories import ORIGIN, TESTER, make_cast, make_client, make_holder, token_for
from tests.rest import RootApi

pytestmark = pytest.mark.django_db

ONE = 1  # the token, its holder and the roles
KINDS = [*SEEN_IN, "of no known kind"]


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


def test_sees_event__every_caller_and_event__says_what_the_list_shows():
    cast = make_cast()
    actors = people(cast)
    Event.objects.all()._raw_delete("default")
    other = Instance.objects.get(public_id="other")
    places = [
        (0, None),
        (cast.instance.pk, None),
        (other.pk, None),
        (other.pk, other.organizations.get().pk),
    ]
    places += [(cast.instance.pk, organization.pk) for organization in (cast.acme, cast.globex)]
    for kind in KINDS:
        for number, place in enumerate(places):
            key = StreamKey(kind, "", str(number), *place)
            append(key, [Entry("x", "actions")], actor=TESTER, origin=ORIGIN)
    events = list(Event.objects.select_related("stream"))

    for name, actor in actors.items():
        listed = set(Event.objects.filter(visible_events(actor)))
        assert {event for event in events if sees_event(actor, event)} == listed, name
        here = [set(Event.objects.filter(part)) for part in events_seen_in(actor, cast.instance)]
        above = {0, cast.instance.pk}
        assert set().union(*here) == {event for event in listed if event.instance_key in above}


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
