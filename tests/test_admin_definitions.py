"""Defining, editing and disabling features in the admin."""

import html

import pytest
from django.urls import reverse

from events.models import Event
from features.models import Feature
from tenancy.models import User
from tests.admin_forms import page_of, text_of


@pytest.fixture
def cast(cast, client):
    User.objects.filter(pk=cast.alice.pk).update(is_staff=True)
    client.force_login(cast.root)
    return cast


def feature_form(**fields):
    return {
        "key": "dark_mode",
        "name": "Dark mode",
        "kind": "boolean",
        "default": "off",
        "levels": ["instance", "user"],
        "stage": "stable",
    } | fields


@pytest.mark.parametrize(
    ("fields", "default"),
    [
        ({}, False),
        ({"kind": "integer", "options": '{"minimum": 1}', "default": "3"}, 3),
        ({"kind": "choice", "options": '{"choices": ["a", "b"]}', "default": "b"}, "b"),
    ],
)
def test_feature__defined__is_there_and_recorded(cast, client, fields, default):
    client.post(reverse("admin:features_feature_add"), feature_form(**fields))

    feature = Feature.objects.get(key="dark_mode")
    assert (feature.default, feature.levels) == (default, [3, 7])
    assert Event.objects.latest("pk").type == "definition.created"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"key": "Dark"}, "must be a small letter"),
        ({"key": "actions"}, "there is such a feature already"),
        ({"default": "maybe"}, "must be on or off"),
        ({"kind": "choice", "default": "a"}, "choices"),
        ({"kind": "integer", "options": "[", "default": "1"}, "valid JSON"),
        ({"levels": []}, "required"),
        ({"name": ""}, "required"),
    ],
)
def test_feature__defined_with_a_mistake__is_not_there_and_the_page_says_why(
    cast, client, fields, said
):
    response = client.post(reverse("admin:features_feature_add"), feature_form(**fields))

    assert said in html.unescape(text_of(response))
    assert not Feature.objects.filter(builtin=False).exists()


def test_feature__edited__changes_only_what_was_changed(cast, client):
    client.post(reverse("admin:features_feature_add"), feature_form())
    feature = Feature.objects.get(key="dark_mode")

    form = feature_form(name="Dark", options="{}")
    client.post(reverse("admin:feature_edit", args=[feature.pk]), form)

    event = Event.objects.latest("pk")
    assert (event.type, event.after) == ("definition.changed", {"name": "Dark"})


def test_feature__disabled__asks_for_the_word_and_then_holds(cast, client):
    feature = Feature.objects.get(key="actions")
    address = reverse("admin:feature_switch", args=[feature.pk])

    asked = client.post(address, {"do": "disable"})
    client.post(address, {"do": "disable", "confirm": "yes"})
    still = Feature.objects.get(key="actions").enabled
    client.post(address, {"do": "disable", "confirm": "system", "reason": "an incident"})

    assert "Everybody gets its default" in text_of(asked)
    assert still
    assert not Feature.objects.get(key="actions").enabled
    assert Event.objects.latest("pk").reason == "an incident"

    client.post(address, {"do": "enable"})
    assert Feature.objects.get(key="actions").enabled


def test_feature__changed_by_the_owner_of_an_organization__is_refused(cast, client):
    feature = Feature.objects.get(key="actions")
    client.force_login(cast.alice)

    assert client.get(page_of(feature)).status_code == 200
    for name in ("feature_edit", "feature_switch"):
        address = reverse(f"admin:{name}", args=[feature.pk])
        assert client.post(address, {"do": "disable", "confirm": "system"}).status_code == 403
    assert client.post(reverse("admin:features_feature_add"), feature_form()).status_code == 403
    assert Feature.objects.get(key="actions").enabled
