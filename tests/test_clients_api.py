"""The `/clients/*` endpoints: the envelope, and what each of them does."""

import json
import re

import pytest

from clients.services import set_networks
from events.models import Event
from tenancy.services import create_instance
from tests.client_calls import DENIED, ID, POST_ONLY, caller, refused
from tests.factories import BY, basic, make_client

pytestmark = pytest.mark.django_db


@pytest.fixture
def instance():
    return create_instance("Main", public_id="main", domains=["testserver"])


@pytest.fixture
def owner(instance):
    return make_client(instance, "owner")


@pytest.fixture
def other(instance):
    return make_client(instance, "direct_access", description="other")


@pytest.fixture
def call(client, owner):
    return caller(client, owner)


def test_plain_http__where_https_is_asked_for__is_refused_and_not_redirected(
    client, owner, call, settings
):
    settings.SECURE_SSL_REDIRECT = True

    over_http = call("add", {"description": "new"})
    over_https = client.get("/clients/list", headers=basic(owner), secure=True)
    unknown = client.get("/clients/nothing")

    assert over_http["error_description"] == "this API is served over HTTPS only"
    assert refused(over_http, 403, "client_permission_error")
    assert [each["description"] for each in over_https.json()["results"]] == ["owner"]
    assert unknown.status_code == 404
    assert unknown["Content-Type"].startswith("text/html")


def test_success__as_text__is_compact_sorted_and_not_stored(client, owner):
    response = client.post("/clients/clear_whitelist", headers=basic(owner))

    assert response.content == b'{"stat":"ok"}'
    assert response["Content-Type"] == "application/json"
    assert response["Cache-Control"] == "no-store"


def test_error__as_text__is_compact_sorted_and_carries_the_request_id(client, owner):
    response = client.post("/clients/set_features", headers=basic(owner))

    request_id = response["X-Request-Id"]
    assert re.fullmatch(r"[a-hjkmnp-z2-9]{16}", request_id)
    assert response.content.decode() == (
        '{"argument_name":"features","code":100,"error":"missing_argument",'
        '"error_description":"missing required argument: features",'
        f'"request_id":"{request_id}","stat":"error"}}'
    )
    assert response["Content-Type"] == "application/json"
    assert response["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        *(("get", f"/clients/{verb}", 405) for verb in POST_ONLY),
        *((method, "/clients/list", 405) for method in ("put", "delete", "patch", "options")),
        ("post", "/clients/", 404),
        ("post", "/clients", 404),
        ("post", "/clients/nothing", 404),
        ("post", "/clients/list/", 404),
        ("get", "/clients/list/", 404),
        ("post", "/clients/list%0A", 404),
    ],
)
def test_path__unknown_or_of_another_method__is_no_json(client, owner, method, path, status):
    response = getattr(client, method)(path, headers=basic(owner))

    assert response.status_code == status
    assert "json" not in response.get("Content-Type", "")


def test_list__by_get__answers_as_by_post(client, owner):
    by_get = client.get("/clients/list", headers=basic(owner)).json()
    by_post = client.post("/clients/list", headers=basic(owner)).json()

    assert by_get["stat"] == "ok"
    assert by_get == by_post


def test_call__with_csrf_checks__needs_no_token(owner):
    from django.test import Client

    response = Client(enforce_csrf_checks=True).post("/clients/list", headers=basic(owner))

    assert response.json()["stat"] == "ok"


def test_call__host_of_nobody__is_404(client, owner):
    response = client.post("/clients/list", headers={**basic(owner), "Host": "evil.example"})

    assert response.status_code == 404


def test_call__host_of_another_instance__is_403(call):
    create_instance("Other", domains=["other.example"])

    answer = call("list", HTTP_HOST="other.example")

    assert answer["error_description"] == DENIED
    assert refused({**answer}, 403, "client_permission_error")


def test_add__description_and_features__makes_a_client_that_works_at_once(call):
    added = call("add", {"description": "Späti ☃", "features": '["owner","owner","direct_access"]'})

    assert ID.fullmatch(added.pop("client_id"))
    assert ID.fullmatch(added.pop("client_secret"))
    assert added == {
        "stat": "ok",
        "description": "Späti ☃",
        "features": ["owner", "direct_access"],
        "whitelist": ["0.0.0.0/0"],
    }


def test_list__several_clients__shows_them_in_order_without_secrets(call, owner, other):
    answer = call("list")

    assert [entry.pop("created")[-1] for entry in answer["results"]] == ["Z", "Z"]
    assert answer["results"][0].pop("last_used")[-1] == "Z"
    assert answer["results"][1].pop("last_used") is None
    assert answer == {
        "stat": "ok",
        "results": [
            {
                "client_id": owner.client.client_id,
                "description": "owner",
                "features": ["owner"],
                "whitelist": ["0.0.0.0/0"],
                "expires": None,
            },
            {
                "client_id": other.client.client_id,
                "description": "other",
                "features": ["direct_access"],
                "whitelist": ["0.0.0.0/0"],
                "expires": None,
            },
        ],
    }


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("[]", ["owner", "both", "none"]),
        ('["owner"]', ["owner"]),
        ('["owner","direct_access","access_issuer"]', ["owner", "both"]),
        ('["direct_access","login_client"]', ["both"]),
        ('["direct_read_access"]', []),  # implied, not stored
    ],
)
def test_list__has_features__matches_any_of_the_stored(call, instance, wanted, found):
    make_client(instance, "direct_access", "access_issuer", description="both")
    make_client(instance, description="none")

    answer = call("list", {"has_features": wanted})

    assert [entry["description"] for entry in answer["results"]] == found


def test_list__another_instances_clients__are_not_there(call, other):
    make_client(create_instance("Other", domains=["other.example"]), "owner")

    assert [entry["description"] for entry in call("list")["results"]] == ["owner", "other"]


def test_set_features__of_another__overwrites_and_holds_at_once(client, call, other):
    changed = call("set_features", {"for_client_id": other.client.client_id, "features": "[]"})

    assert changed == {"stat": "ok"}
    read = client.get("/v2/features/instance?inheritance=true", headers=basic(other))
    assert read.status_code == 403


def test_set_features__by_two_owners__leaves_the_one_who_was_first(call, instance, owner):
    second = make_client(instance, "owner", description="second")

    demoted = call(
        "set_features", {"for_client_id": owner.client.client_id, "features": "[]"}, by=second
    )
    too_late = call("set_features", {"for_client_id": second.client.client_id, "features": "[]"})

    assert demoted == {"stat": "ok"}
    assert refused(too_late, 403, "client_permission_error")


def test_set_whitelist__networks__are_kept_as_given_and_hold_at_once(call, other):
    networks = ["10.1.2.3/8", "2001:db8::1/32", "10.1.2.3/8"]

    changed = call(
        "set_whitelist",
        {"for_client_id": other.client.client_id, "whitelist": json.dumps(networks)},
    )

    assert changed == {"stat": "ok"}
    assert call("list")["results"][1]["whitelist"] == networks[:2]


def test_clear_whitelist__restricted_client__may_call_from_anywhere(call, other):
    set_networks(other.client, ["198.51.100.0/24"], **BY)

    call("clear_whitelist", {"for_client_id": other.client.client_id})

    assert call("list")["results"][1]["whitelist"] == ["0.0.0.0/0"]


def test_delete__client__is_gone_at_once(call, client, other):
    deleted = call("delete", {"client_id_for_deletion": other.client.client_id})

    assert deleted == {"stat": "ok"}
    response = client.get("/v2/features/instance?inheritance=true", headers=basic(other))
    assert response.status_code == 401
    again = call("delete", {"client_id_for_deletion": other.client.client_id})
    assert refused(again, 200, "invalid_argument", argument_name="client_id_for_deletion")


def test_change__of_each_kind__is_in_the_history_with_the_request_and_no_secret(
    call, owner, other, client
):
    target = {"for_client_id": other.client.client_id}
    secrets = [call("add", {"description": "new"})["client_secret"]]
    call("set_description", {**target, "description": "renamed"})
    call("set_description", {**target, "description": "renamed"})  # alters nothing
    call("set_features", {**target, "features": '["direct_read_access"]'})
    call("set_whitelist", {**target, "whitelist": '["10.0.0.0/8"]'})
    secrets.append(call("reset_secret", {**target, "hours_to_live": "2"})["new_secret"])
    call("delete", {"client_id_for_deletion": other.client.client_id})

    events = list(Event.objects.filter(actor_type="client").order_by("id"))

    assert [event.type for event in events] == [
        "clients.created",
        "clients.description_set",
        "clients.features_set",
        "clients.networks_set",
        "clients.secret_reset",
        "clients.deleted",
    ]
    assert (events[1].before, events[1].after) == ("other", "renamed")
    assert (events[2].before, events[2].after) == (["direct_access"], ["direct_read_access"])
    assert (events[3].before, events[3].after) == (["0.0.0.0/0"], ["10.0.0.0/8"])
    for event in events:
        assert (event.actor_id, event.actor_name) == (owner.client.client_id, "owner")
        assert len(event.request_id) == 16
        assert event.address == "127.0.0.1"
        assert event.surface == "api"
    assert {event.subject for event in events[1:]} == {other.client.client_id}
    text = repr(list(Event.objects.values()))
    for secret in [*secrets, owner.secret, other.secret]:
        assert secret not in text


def test_endpoint__error_within__is_told_in_the_envelope(call, monkeypatch):
    from clients import views

    def fail(*_args, **_kwargs):
        raise ZeroDivisionError("inner workings")

    monkeypatch.setattr(views, "set_description", fail)

    answer = call("set_description", {"description": "x"})

    assert "inner" not in answer["error_description"]
    assert refused(answer, 500, "unexpected_error")
