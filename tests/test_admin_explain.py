"""Explaining a value and finding things in the admin: to each what they may see."""

from dataclasses import replace

import pytest
from django.urls import reverse

from access.actors import author_of
from features.services import set_features
from tenancy.models import User
from tests.admin_forms import field, grid_of
from tests.factories import BY, ORIGIN, make_feature


@pytest.fixture
def cast(cast, client):
    User.objects.filter(pk=cast.alice.pk).update(is_staff=True)
    client.force_login(cast.root)
    return cast


def test_explain__value_from_the_instance__says_so(cast, client):
    set_features(cast.instance, {"actions": True}, **BY)
    address = reverse("admin:explain", args=["user", cast.bob.pk, field("actions").split("-")[1]])

    page = client.get(address).content.decode()

    assert "On, because the instance Main set it on" in page
    assert page.count('class="winner"') == 1


@pytest.mark.parametrize(("value", "said"), [("myTheme", "myTheme"), ("", "&quot;&quot;")])
def test_explain__text__is_said_as_it_is(cast, client, value, said):
    feature = make_feature("theme", "string", default="plain")
    set_features(cast.bob, {"theme": value}, **BY)

    address = reverse("admin:explain", args=["user", cast.bob.pk, feature.pk])

    assert f"{said}, because the user bob set it on" in client.get(address).content.decode()


def test_explain__names_that_are_exact__lead_to_the_explanation(cast, client):
    response = client.get(reverse("admin:explain_pick"), {"owner": "bob", "feature": "actions"})

    assert response.status_code == 302
    assert f"/owner/user/{cast.bob.pk}/explain/" in response.url


def test_explain__another_tenants_user__is_not_found(cast, client):
    client.force_login(cast.alice)

    for who in ("carol", "user:main/carol", "globex", "organization:main/globex"):
        page = client.get(reverse("admin:explain_pick"), {"owner": who, "feature": "actions"})
        assert "Nobody that you may see is called so" in page.content.decode()


def test_suggest__owner_of_an_organization__offers_their_own(cast, client):
    client.force_login(cast.alice)
    address = reverse("admin:suggest")
    kinds = {"kind": ["user", "organization", "instance"]}

    offered = {
        row["reference"]
        for text in "abcgm"
        for row in client.get(address, kinds | {"q": text}).json()["results"]
    }

    assert offered == {"user:main/alice", "user:main/bob", "organization:main/acme"}


def test_search__owner_of_an_organization__finds_their_own_and_features(cast, client):
    set_features(cast.carol, {"actions": True}, **BY)
    client.force_login(cast.alice)
    found = {}

    for text in ("bob", "carol", "globex", "main", "actions"):
        response = client.get(reverse("admin:search"), {"q": text})
        found[text] = [one.title for _label, group in response.context["groups"] for one in group]

    assert found == {"bob": ["bob"], "carol": [], "globex": [], "main": [], "actions": ["Actions"]}


def test_grid_and_explanation__value_from_above__name_nobody_to_who_does_not_see_it(cast, client):
    by = BY | {"actor": author_of(cast.carol), "origin": replace(ORIGIN, reason="a secret plan")}
    set_features(cast.instance, {"actions": True}, **by)
    number = field("actions").split("-")[1]
    pages = [grid_of(cast.bob), reverse("admin:explain", args=["user", cast.bob.pk, number])]

    to_root = [client.get(page).content.decode() for page in pages]
    client.force_login(cast.alice)
    to_alice = [client.get(page).content.decode() for page in pages]

    assert all("carol" in page for page in to_root)
    assert "a secret plan" in to_root[1]
    assert not any("carol" in page or "a secret plan" in page for page in to_alice)
