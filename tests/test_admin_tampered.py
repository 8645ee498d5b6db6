"""Forms of the admin as no browser sends them: each is refused or read, and none fails."""

from urllib.parse import urlencode

import pytest
from django.urls import reverse

from access.models import AccessToken
from clients.models import ApiClient
from events.models import Event
from features.models import Feature
from features.services import set_features
from tests.admin_forms import field, form_of, grid_of, own, page_of
from tests.factories import BY


@pytest.fixture
def cast(cast, client):
    client.force_login(cast.root)
    return cast


@pytest.mark.parametrize("number", ["", "-1", "²", "9" * 19, "9" * 5000])
def test_grid__number_of_no_feature__saves_nothing_and_says_so(cast, client, number):
    form = form_of(client, cast.bob) | {field("actions"): "on", f"choice-{number}": "on"}

    response = client.post(
        grid_of(cast.bob), urlencode(form, doseq=True), "application/x-www-form-urlencoded"
    )

    assert "One of the features does not exist any more" in response.content.decode()
    assert own(cast.bob) == {}


@pytest.mark.parametrize("held", ["5", "null", '{"a": 1}', "no JSON", "[" * 100_000])
def test_grid__set_that_held_no_set__is_a_conflict_and_saves_nothing(cast, client, held):
    form = form_of(client, cast.bob) | {
        field("improved_performance"): "set",
        field("improved_performance", "value"): ["IMPROVED_PERFORMANCE_PROJECT"],
        field("improved_performance", "was"): held,
    }

    response = client.post(grid_of(cast.bob), form)

    assert response.context["has_conflicts"]
    assert own(cast.bob) == {}


@pytest.mark.parametrize("options", ["9" * 5000, "[" * 100_000, "{", '"text"'])
def test_new_feature__options_that_are_no_object__says_so(cast, client, options):
    form = {"key": "tea", "name": "Tea", "kind": "integer", "default": "1", "options": options}

    response = client.post(
        reverse("admin:features_feature_add"),
        urlencode(form | {"levels": "user", "stage": "experimental"}),
        "application/x-www-form-urlencoded",
    )

    assert response.context["form"].errors["options"]
    assert not Feature.objects.filter(key="tea").exists()


@pytest.mark.parametrize("wanted", ["", "//elsewhere.example", "https://elsewhere.example/"])
def test_sign_in__page_that_is_none_of_ours__leads_to_the_first_page(cast, client, wanted):
    cast.root.set_password("a good password")
    cast.root.save()
    client.logout()

    response = client.post(
        reverse("admin:login"),
        {"username": cast.root.username, "password": "a good password", "next": wanted},
    )

    assert response.url == reverse("admin:index")


def test_user__saved_as_it_is__is_told_that_nothing_was_changed(cast, client):
    form = {"username": cast.bob.username, "name": cast.bob.name, "is_active": "on"}

    response = client.post(page_of(cast.bob), form, follow=True)

    assert [str(message) for message in response.context["messages"]] == ["Nothing was changed."]


def test_new_client__typed_in_two_tabs__makes_both(cast, client):
    address = reverse("admin:clients_apiclient_add")
    first, second = (client.get(address).context["nonce"] for _ in range(2))

    for nonce in (first, second, first):
        client.post(address, {"instance": "main", "description": nonce, "nonce": nonce})

    assert set(ApiClient.objects.values_list("description", flat=True)) == {first, second}


def test_token__typed_in_two_tabs__issues_both(cast, client):
    pages = [reverse("admin:owner_tokens", args=["user", one.pk]) for one in (cast.bob, cast.alice)]
    forms = [{"do": "issue", "nonce": client.get(page).context["nonce"]} for page in pages]

    for page, form in zip(pages, forms, strict=True):
        client.post(page, form | {"expires_in_days": "1"})

    assert set(AccessToken.objects.values_list("user", flat=True)) == {cast.bob.pk, cast.alice.pk}


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS"])
def test_page__asked_with_a_verb_of_no_form__refuses_it(cast, client, method):
    response = client.generic(method, page_of(cast.bob))

    assert response.status_code == 405
    assert response["Allow"] == "GET, HEAD, POST"


def test_lock__with_an_endless_reason__keeps_as_much_as_any_page(cast, client):
    set_features(cast.acme, {"actions": True}, **BY)

    client.post(grid_of(cast.acme), {"lock": "actions", "reason": "x" * 2000})

    assert Event.objects.latest("pk").reason == "x" * 1000
