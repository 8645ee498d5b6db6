"""Resetting and undoing in the admin: the preview, what holds, and what moved on meanwhile."""

import pytest
from django.urls import reverse

from access.permissions import Role
from access.services import grant_role
from access.tenants import delete_tenant
from events.models import Event
from features.services import lock_feature, overrides_of, set_features
from tenancy.models import User
from tenancy.services import create_user
from tests.admin_forms import field, form_of, grid_of, own
from tests.factories import BY


@pytest.fixture
def cast(cast, client):
    User.objects.filter(pk=cast.alice.pk).update(is_staff=True)
    client.force_login(cast.root)
    return cast


def test_reset__confirmed__lets_the_owner_inherit_everything(cast, client):
    set_features(cast.acme, {"actions": True, "user_schema": True}, **BY)
    address = reverse("admin:owner_reset", args=["organization", cast.acme.pk])
    preview = client.get(address)
    sequence = preview.context["hidden"][0][1]

    client.post(address, {"sequence": sequence, "confirm": "yes", "reason": "over"})

    assert own(cast.acme) == {}
    assert Event.objects.filter(type="features.reset", reason="over").count() == 2


def test_reset__changed_meanwhile__writes_nothing(cast, client):
    set_features(cast.acme, {"actions": True}, **BY)
    address = reverse("admin:owner_reset", args=["organization", cast.acme.pk])
    sequence = client.get(address).context["hidden"][0][1]
    set_features(cast.acme, {"user_schema": True}, **BY)

    client.post(address, {"sequence": sequence, "confirm": "yes"})

    assert own(cast.acme) == {"actions": True, "user_schema": True}


def test_undo__of_a_run__restores_what_was_there(cast, client):
    set_features(cast.bob, {"actions": False}, **BY)
    form = form_of(client, cast.bob) | {field("actions"): "on", field("user_schema"): "on"}
    client.post(grid_of(cast.bob), form)
    address = reverse("admin:undo_run", args=[Event.objects.latest("pk").run])
    seen = client.get(address).context["preview"].signature

    client.post(address, {"seen": seen, "confirm": "yes", "reason": "a mistake"})

    assert own(cast.bob) == {"actions": False}
    assert Event.objects.latest("pk").reason == "a mistake"


def test_undo__value_has_moved_on__asks_before_it_overwrites(cast, client):
    set_features(cast.bob, {"actions": True}, **BY)
    event = Event.objects.latest("pk")
    set_features(cast.bob, {"actions": False}, **BY)
    address = reverse("admin:undo_event", args=[event.pk])
    preview = client.get(address)

    seen = preview.context["preview"].signature
    asked = client.post(address, {"seen": seen, "confirm": "yes", "overwrite": "yes"})
    refused = own(cast.bob)
    seen = asked.context["preview"].signature
    client.post(address, {"seen": seen, "confirm": "yes", "overwrite": "yes"})

    assert "This has changed since" in preview.content.decode()
    assert refused == {"actions": False}
    assert own(cast.bob) == {}


def test_undo__of_a_lock__takes_the_lock_away(cast, client):
    set_features(cast.acme, {"actions": True}, **BY)
    lock_feature(cast.acme, "actions", **BY)
    address = reverse("admin:undo_event", args=[Event.objects.latest("pk").pk])

    seen = client.get(address).context["preview"].signature
    client.post(address, {"seen": seen, "confirm": "yes"})

    [stored] = overrides_of(cast.acme).values()
    assert (stored.value, stored.locked) == (True, False)


def test_undo__another_tenants_event__does_not_exist(cast, client):
    set_features(cast.carol, {"actions": True}, **BY)
    event = Event.objects.latest("pk")
    client.force_login(cast.alice)

    assert client.get(reverse("admin:undo_event", args=[event.pk])).status_code == 404
    assert client.post(reverse("admin:undo_event", args=[event.pk])).status_code == 404


def test_undo__of_an_id_that_moved_with_its_next_user__changes_nothing_elsewhere(cast, client):
    set_features(cast.bob, {"actions": True}, **BY)
    address = reverse("admin:undo_event", args=[Event.objects.latest("pk").pk])
    delete_tenant(cast.bob, **BY)
    again = create_user(cast.globex, "bob", public_id="bob")
    set_features(again, {"actions": True}, **BY)
    client.force_login(cast.alice)

    seen = client.get(address).context["preview"].signature
    client.post(address, {"seen": seen, "confirm": "yes", "overwrite": "yes"})

    assert own(again) == {"actions": True}


def test_undo__by_a_viewer__is_refused(cast, client):
    set_features(cast.acme, {"actions": True}, **BY)
    event = Event.objects.latest("pk")
    grant_role(cast.bob, Role.ORG_OWNER_VIEWER, cast.acme, **BY)
    User.objects.filter(pk=cast.bob.pk).update(is_staff=True)
    client.force_login(cast.bob)

    response = client.get(reverse("admin:undo_event", args=[event.pk]), follow=True)

    assert "Your roles do not let you" in response.content.decode()
