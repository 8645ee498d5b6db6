"""The history in the admin: whose it shows, and page by page."""

import pytest
from django.urls import reverse

from features.services import set_features
from tenancy.models import System, User
from tests.factories import BY


@pytest.fixture
def cast(cast, client):
    User.objects.filter(pk=cast.alice.pk).update(is_staff=True)
    client.force_login(cast.root)
    return cast


def test_history__owner_of_an_organization__shows_theirs_only(cast, client):
    for owner in (System(), cast.instance, cast.acme, cast.globex, cast.bob, cast.carol):
        set_features(owner, {"actions": True}, **BY)
    client.force_login(cast.alice)

    events = client.get(reverse("admin:history")).context["events"]

    assert {(e.stream.kind, e.stream.owner) for e in events if e.subject == "actions"} == {
        ("organization", "acme"),
        ("user", "bob"),
    }


def test_history__more_than_a_page__goes_on_below_the_last(cast, client):
    for number in range(60):
        set_features(cast.bob, {"actions": bool(number % 2)}, **BY)
    address = reverse("admin:owner_history", args=["user", cast.bob.pk])

    first = client.get(address).context
    second = client.get(address, {"before": first["next"]}).context

    numbers = [event.sequence for event in [*first["events"], *second["events"]]]
    assert numbers == list(range(60, 0, -1))
