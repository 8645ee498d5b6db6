"""The binary transports as a client sees them: what is alike in all, and what needs no caller."""

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from access import throttling
from events.models import Event, Surface
from rpc.gen.feature_service_v2_pb2 import (
    SetUserFeatureRequest,
)
from tests.factories import basic, make_client, token_for
from tests.rpc_posts import GET, HEALTH, JSON, REST, SERVICE, SET, post, written

pytestmark = pytest.mark.django_db


@pytest.fixture
def token(cast):
    return token_for(cast.root)


def test_connect_json__set_and_get__answers_as_rest_does(client, token):
    done = post(client, SET, {"loginDefaultOrg": False}, token)
    read = post(client, GET, {"inheritance": True}, token)
    rest = client.get(f"{REST}?inheritance=true", headers={"Authorization": f"Bearer {token}"})

    assert done.json()["details"]["sequence"] == "1"
    assert read["Content-Type"] == JSON
    assert read.json() == rest.json()
    event = Event.objects.get(type="features.set")
    assert (event.surface, event.actor_id, event.after) == (Surface.RPC, "root", False)
    assert event.request_id == done["X-Request-Id"]


def test_connect_json__bad_field__carries_the_details_of_rest(client, token):
    body = {"features": {"login_defalt_org": True}}
    authorization = {"Authorization": f"Bearer {token}"}

    answer = post(client, SET, body, token)
    rest = client.put(REST, body["features"], content_type=JSON, headers=authorization)

    assert answer.status_code == 400
    error = answer.json()
    [detail] = error["details"]
    [expected] = rest.json()["details"]
    assert (error["code"], error["message"]) == ("invalid_argument", rest.json()["message"])
    assert (detail["type"], "=" in detail["value"]) == ("google.rpc.BadRequest", False)
    assert detail["debug"] == {"fieldViolations": expected["fieldViolations"]}


def test_read__once_warm__costs_the_query_that_rest_costs(client, token, django_assert_num_queries):
    post(client, GET, {"inheritance": True}, token)

    with django_assert_num_queries(2):
        post(client, GET, {"inheritance": True}, token)
    with django_assert_num_queries(2):
        client.get(f"{REST}?inheritance=true", headers={"Authorization": f"Bearer {token}"})


def test_basic__client_of_the_instance__is_who_it_is_in_rest(client, cast):
    api_client = make_client(cast.instance, "owner")

    right = post(client, GET, {"inheritance": True}, **basic(api_client))
    wrong = post(client, GET, {"inheritance": True}, **basic(api_client, "a" * 32))

    assert right.status_code == 200, right.content
    assert (wrong.status_code, wrong.json()["code"]) == (401, "unauthenticated")


def test_throttling__too_many_calls__say_when_to_come_back(client, token, settings):
    settings.THROTTLE_PER_MINUTE = 1
    throttling.buckets = throttling.Buckets()
    post(client, GET, {"inheritance": True}, token)

    answer = post(client, GET, {"inheritance": True}, token)

    assert (answer.status_code, answer.json()["code"]) == (429, "resource_exhausted")
    assert int(answer["Retry-After"]) > 0


def test_if_match__moved_on__is_aborted_and_nothing_written(client, token):
    post(client, SET, {"actions": True}, token)

    refused = post(client, SET, {"actions": False}, token, If_Match='"0"')
    taken = post(client, SET, {"actions": False}, token, If_Match='"1"')

    assert (refused.status_code, refused.json()["code"]) == (409, "aborted")
    assert taken.status_code == 200
    assert written() == [("actions", True), ("actions", False)]


@pytest.mark.parametrize(("host", "code"), [("elsewhere.example", "not_found"), ("no host", 5)])
def test_host__of_nobody__is_named(client, token, host, code):
    answer = post(client, GET, {}, token, Host=host)

    assert (answer.status_code, answer.json()["code"]) == (404, code)
    assert host in answer.json()["message"]


def test_plain_http__where_https_is_asked_for__is_refused_but_for_health(client, token, settings):
    settings.SECURE_SSL_REDIRECT = True

    call = post(client, GET, {}, token)
    health = post(client, HEALTH)

    assert (call.status_code, call.json()["code"]) == (400, "failed_precondition")
    assert health.status_code == 200


@pytest.mark.parametrize("service", ["", "grpc.health.v1.Health", SERVICE[1:]])
def test_health__server_or_service__is_serving(client, service):
    answer = post(client, HEALTH, {"service": service}, Host="192.0.2.7")

    assert (answer.status_code, answer.json()) == (200, {"status": "SERVING"})


def test_health__unknown_service__is_not_found(client):
    answer = post(client, HEALTH, {"service": "zitadel.feature.v2.Nonsense"})

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_health__database_away__is_not_serving(client, monkeypatch):
    monkeypatch.setattr("config.health.has_every_migration", lambda: False)

    answer = post(client, HEALTH)

    assert answer.json() == {"status": "NOT_SERVING"}


def test_descriptors__downloaded__describe_every_service(client, cast):
    answer = client.get("/rpc/descriptors")

    files = FileDescriptorSet.FromString(b"".join(answer.streaming_content)).file
    services = {f"{file.package}.{service.name}" for file in files for service in file.service}
    assert services == {
        "grpc.health.v1.Health",
        "zitadel.feature.v2.FeatureService",
        "zitadel.feature.v2beta.FeatureService",
        "zitadel.settings.v2.SettingsService",
        "zitadel.system.v1.SystemService",
    }


def test_user_request__has_the_name_and_numbers_that_clients_know():
    fields = SetUserFeatureRequest.DESCRIPTOR.fields

    assert [(field.name, field.number) for field in fields] == [("user_id", 1), ("features", 1000)]
