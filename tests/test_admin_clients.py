"""The admin's pages of API clients: made, changed, and a secret that is shown once."""

import re

import pytest
from django.urls import reverse

from access.permissions import Role
from access.services import digest_of
from clients.models import ApiClient
from tenancy.models import User
from tests.admin_forms import page_of, sign_in, text_of
from tests.factories import make_client, make_holder


@pytest.fixture
def cast(cast, client):
    User.objects.filter(pk=cast.alice.pk).update(is_staff=True)
    client.force_login(cast.root)
    return cast


def client_form(client, row):
    return {"sequence": str(client.get(page_of(row)).context["sequence"])}


def test_api_client__made__shows_its_secret_this_once(cast, client):
    address = reverse("admin:clients_apiclient_add")
    nonce = client.get(address).context["nonce"]
    form = {"instance": "main", "description": "Importer", "features": ["direct_access"]}

    response = client.post(address, form | {"nonce": nonce})

    row = ApiClient.objects.get()
    secret = re.search(r'id="secret"[^>]*>([a-z0-9]{32})<', text_of(response))
    assert secret is not None
    assert digest_of(secret[1]) == row.secret_digest
    assert "no-store" in response["Cache-Control"]
    assert secret[1] not in text_of(client.get(page_of(row)))
    assert row.feature_names == ["direct_access"]


def test_api_client__form_sent_twice__is_made_once(cast, client):
    address = reverse("admin:clients_apiclient_add")
    nonce = client.get(address).context["nonce"]
    form = {"instance": "main", "description": "Importer", "nonce": nonce}

    client.post(address, form)
    client.post(address, form)

    assert ApiClient.objects.count() == 1


def test_api_client__secret_rotated__is_shown_once_and_the_old_one_overlaps(cast, client):
    row = make_client(cast.instance, "owner").client
    form = client_form(client, row) | {"do": "rotate", "hours": "24"}

    response = client.post(page_of(row), form)
    again = client.post(page_of(row), form, follow=True)

    before, now = row.secret_digest, ApiClient.objects.get(pk=row.pk)
    assert now.previous_digest == before
    assert 'id="secret"' in text_of(response)
    assert "changed meanwhile" in text_of(again)
    assert ApiClient.objects.get(pk=row.pk).secret_digest == now.secret_digest


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"do": "rotate", "hours": "169"}, "168"),
        ({"do": "networks", "networks": "10.0.0.1"}, "invalid cidr address: 10.0.0.1"),
        ({"do": "features", "features": ["login_client", "owner"]}, "alone"),
        ({"do": "features", "features": ["root"]}, "not one of the available choices"),
        ({"do": "features"}, "owner"),
        ({"do": "describe", "description": ""}, "required"),
        ({"do": "expiry", "expires_on": "soon"}, "valid date"),
        ({"do": "explode"}, "nothing that can be done"),
        ({"do": "delete", "confirm": ""}, "Nothing was deleted"),
    ],
)
def test_api_client__changed_with_a_mistake__stays_and_the_page_says_why(cast, client, form, said):
    row = make_client(cast.instance, "owner").client
    before = ApiClient.objects.filter(pk=row.pk).values()[0]

    response = client.post(page_of(row), client_form(client, row) | form, follow=True)

    assert said in text_of(response)
    assert ApiClient.objects.filter(pk=row.pk).values()[0] == before
    assert ApiClient.objects.get(pk=row.pk).feature_names == ["owner"]


def test_api_client__features_networks_end_and_state__are_written(cast, client):
    row = make_client(cast.instance, "direct_access").client

    for form in (
        {"do": "features", "features": ["direct_read_access"]},
        {"do": "networks", "networks": "10.0.0.0/8\nfd00::/8"},
        {"do": "expiry", "expires_on": "2030-05-01"},
        {"do": "disable"},
    ):
        client.post(page_of(row), client_form(client, row) | form)

    row = ApiClient.objects.get(pk=row.pk)
    assert row.feature_names == ["direct_read_access"]
    assert row.networks == ["10.0.0.0/8", "fd00::/8"]
    assert row.expires_at
    assert row.expires_at.isoformat() == "2030-05-01T23:59:59+00:00"
    assert row.disabled


def test_api_client__viewer__sees_it_and_is_refused(cast, client):
    row = make_client(cast.instance, "owner").client
    sign_in(client, make_holder(Role.IAM_OWNER_VIEWER, cast.instance))
    form = client_form(client, row) | {"do": "disable"}

    page = text_of(client.get(page_of(row)))

    assert "needs clients.write" in page
    assert "0.0.0.0/0" in page
    assert client.post(page_of(row), form).status_code == 403
    assert client.get(reverse("admin:clients_apiclient_add")).status_code == 403


def test_api_client__owner_of_an_organization__does_not_exist(cast, client):
    row = make_client(cast.instance, "owner").client
    client.force_login(cast.alice)

    assert client.get(page_of(row)).status_code == 404
    assert client.post(page_of(row), {"do": "disable"}).status_code == 404
