"""The binary transports as a client sees them: forms, statuses, sizes, and what is refused."""

import gzip
import io
import json
import struct
from urllib.parse import unquote

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.struct_pb2 import NULL_VALUE, Value

from access import throttling
from events.models import Event, Surface
from features.models import Feature
from rpc.gen.feature_service_v2_pb2 import (
    GetInstanceFeaturesResponse,
    SetInstanceFeaturesRequest,
    SetUserFeatureRequest,
)
from rpc.gen.feature_v2_pb2 import LoginV2
from tenancy.revision import touch_revision
from tests.factories import basic, make_cast, make_client, token_for
from tests.rpc_callers import read_frames

pytestmark = pytest.mark.django_db

SERVICE = "/zitadel.feature.v2.FeatureService"
SET = f"{SERVICE}/SetInstanceFeatures"
GET = f"{SERVICE}/GetInstanceFeatures"
HEALTH = "/grpc.health.v1.Health/Check"
REST = "/v2/features/instance"
MEBIBYTE = 1024 * 1024
JSON, PROTO = "application/json", "application/proto"
GRPC_WEB = "application/grpc-web+proto"


@pytest.fixture
def cast():
    return make_cast()


@pytest.fixture
def token(cast):
    return token_for(cast.root)


def post(client, path, body=b"{}", token=None, form=JSON, **headers):
    raw = json.dumps(body).encode() if isinstance(body, dict) else body
    if token:
        headers["Authorization"] = f"Bearer {token}"
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    always = {"CONTENT_TYPE": form, "CONTENT_LENGTH": str(len(raw))}
    return client.generic("POST", path, raw, form, headers=headers, **always)


def frame(message, flags=0):
    return struct.pack(">BI", flags, len(message)) + message


def trailers_of(response):
    *_, (_, trailers) = read_frames(response.content)
    found = dict(line.split(": ", 1) for line in trailers.decode().splitlines())
    return int(found["grpc-status"]), unquote(found.get("grpc-message", ""))


def written():
    """Return what the history has of features since the cast was made."""
    events = Event.objects.filter(type__startswith="features.").order_by("pk")
    return [(event.subject, event.after) for event in events]


# What is alike


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


# What a message says


def test_presence__false_in_binary__is_a_value(client, token):
    message = SetInstanceFeaturesRequest(login_default_org=False)

    answer = post(client, SET, message.SerializeToString(), token, PROTO)

    assert answer.status_code == 200
    assert written() == [("login_default_org", False)]


def test_features__null_value__inherits_again(client, token):
    post(client, SET, {"actions": True}, token)
    message = SetInstanceFeaturesRequest(features={"actions": Value(null_value=NULL_VALUE)})

    post(client, SET, message.SerializeToString(), token, PROTO)

    assert written() == [("actions", True), ("actions", None)]


def test_features__value_that_holds_nothing__is_refused(client, token):
    message = SetInstanceFeaturesRequest(features={"actions": Value()})

    answer = post(client, SET, message.SerializeToString(), token, PROTO)

    assert (answer.status_code, written()) == (400, [])
    assert "to inherit, send a null value" in answer.json()["message"]


@pytest.mark.parametrize(
    ("fields", "mapped"),
    [({"actions": True}, "actions"), ({"loginDefaultOrg": True}, "login_default_org")],
)
def test_features__key_of_a_field_that_is_there__is_refused_by_name(client, token, fields, mapped):
    answer = post(client, SET, fields | {"features": {mapped: False}}, token)

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_argument")
    assert f"{mapped}: is the same feature as" in answer.json()["message"]
    assert written() == []


def test_id__in_both_spellings__is_refused(client, token):
    body = {"userId": "bob", "user_id": "carol"}

    answer = post(client, f"{SERVICE}/ResetUserFeatures", body, token)

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_argument")
    assert "is the same field as" in answer.json()["message"]


@pytest.mark.parametrize("number", [float("nan"), float("inf"), 2.0**60, 1.5])
def test_features__number_that_is_no_integer__is_refused(client, token, number):
    Feature.objects.create(
        key="max_devices", json_name="maxDevices", name="x", kind="integer", default=1
    )
    touch_revision()
    message = SetInstanceFeaturesRequest(features={"max_devices": Value(number_value=number)})

    answer = post(client, SET, message.SerializeToString(), token, PROTO)

    assert (answer.status_code, written()) == (400, [])
    [detail] = answer.json()["details"]
    assert detail["debug"]["fieldViolations"][0]["field"] == "max_devices"


def test_json__null_and_empty_list_in_a_field__are_absent_as_protobuf_has_it(client, token):
    body: dict[str, object] = {"loginDefaultOrg": None, "improvedPerformance": [], "actions": True}

    answer = post(client, SET, body, token)

    assert answer.status_code == 200
    assert written() == [("actions", True)]


def test_unknown_fields__in_both_forms__are_ignored(client, token):
    post(client, SET, {"nonsense": 1, "loginV2": {"required": True, "new": 2}}, token)
    raw = SetInstanceFeaturesRequest(actions=True).SerializeToString() + b"\xf8\x3f\x01"
    answer = post(client, SET, raw, token, PROTO)

    assert answer.status_code == 200
    assert written() == [("login_v2", {"required": True}), ("actions", True)]


@pytest.mark.parametrize("numbers", [[99], [0], [2, 99]])
def test_enum__unknown_number__is_refused(client, token, numbers):
    message = SetInstanceFeaturesRequest(improved_performance=numbers)

    answer = post(client, SET, message.SerializeToString(), token, PROTO)

    assert (answer.status_code, written()) == (400, [])
    place = len(numbers) - 1
    assert f"improvedPerformance[{place}]: " in answer.json()["message"]


def test_deprecated_answer__feature_of_later_date__stands_in_the_map(client, token):
    post(client, SET, {"loginV2": {"required": True}, "actions": True}, token)

    answer = post(client, GET.replace(".v2.", ".v2beta."), {}, token).json()

    assert answer["actions"] == {"enabled": True, "source": "SOURCE_INSTANCE"}
    assert answer["features"] == {
        "login_v2": {"value": {"required": True}, "source": "SOURCE_INSTANCE"}
    }


def test_binary_answer__object_and_custom_features__have_their_places(client, token):
    message = SetInstanceFeaturesRequest(login_v2=LoginV2(base_uri="https://a.example"))
    post(client, SET, message.SerializeToString(), token, PROTO)

    answer = GetInstanceFeaturesResponse.FromString(post(client, GET, b"", token, PROTO).content)

    assert answer.login_v2.base_uri == "https://a.example"
    assert (answer.login_v2.source, answer.details.sequence) == (3, 1)
    assert answer.details.HasField("change_date")
    assert not answer.HasField("actions")


# What is no message


@pytest.mark.parametrize(
    ("body", "form", "says"),
    [
        (b'{"actions": tr', JSON, "the body is not JSON"),
        (b'{"actions": true, "actions": false}', JSON, 'the key "actions" comes twice'),
        (b'{"features": {"x": "\xff"}}', JSON, "the body is not UTF-8"),
        (b"[]", JSON, "must be a JSON object"),
        (b'{"features": []}', JSON, "No changes"),
        (b'{"features": 7}', JSON, "must be an object, not an integer"),
        (b"\x08", PROTO, "is not a zitadel.feature.v2.SetInstanceFeaturesRequest"),
        (b"\xc2\x3e\x05\x0a\x01\xff\x12\x00", PROTO, "is not a zitadel.feature.v2."),
        (b"\xff" * 20, PROTO, "is not a zitadel.feature.v2."),
    ],
)
def test_connect__body_that_is_no_message__is_an_invalid_argument(client, token, body, form, says):
    answer = post(client, SET, body, token, form)

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_argument")
    assert says in answer.json()["message"]
    assert written() == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (frame(b"\x08\x01")[:-1], 3),  # ends before its announced length
        (b"\x00\x00", 3),  # ends within the announcement
        (b"", 12),  # no message
        (frame(b"\x08\x01") * 2, 12),  # two messages
        (frame(b"\x08\x01", flags=8), 3),  # unknown flags
        (struct.pack(">BI", 0, 4 * MEBIBYTE + 1), 8),
        (frame(b"\x08\x01", flags=1), 13),  # compressed, says nobody how
    ],
)
def test_grpc_web__broken_frames__end_with_a_status(client, token, body, status):
    answer = post(client, SET, body, token, GRPC_WEB)

    assert (answer.status_code, trailers_of(answer)[0]) == (200, status)
    assert written() == []


@pytest.mark.parametrize("size", [MEBIBYTE + 1, 4 * MEBIBYTE + 1])
def test_connect__oversized_json__is_refused(client, token, size):
    body = b'{"features": {"x": "' + b"x" * size + b'"}}'

    answer = post(client, SET, body, token)

    expected = (400, "invalid_argument") if size < 4 * MEBIBYTE else (429, "resource_exhausted")
    assert (answer.status_code, answer.json()["code"]) == expected


@pytest.mark.parametrize(
    ("form", "header", "wrap"),
    [(PROTO, "Content_Encoding", bytes), (GRPC_WEB, "Grpc_Encoding", lambda raw: frame(raw, 1))],
)
def test_compression__bomb__is_not_unpacked(client, token, form, header, wrap):
    bomb = gzip.compress(b"\0" * 64 * MEBIBYTE)

    answer = post(client, SET, wrap(bomb), token, form, **{header: "gzip"})

    if form == PROTO:
        assert (answer.status_code, answer.json()["code"]) == (429, "resource_exhausted")
    else:
        assert trailers_of(answer)[0] == 8


@pytest.mark.parametrize(
    ("body", "encoding", "status"),
    [
        (gzip.compress(b'{"actions": true}'), "gzip", 200),
        (gzip.compress(b'{"actions": true}')[:-9], "gzip", 400),
        (b'{"actions": true}', "gzip", 400),
        (b'{"actions": true}', "br", 501),
    ],
)
def test_compression__of_a_request__is_gzip_or_refused(client, token, body, encoding, status):
    answer = post(client, SET, body, token, Content_Encoding=encoding)

    assert answer.status_code == status
    assert len(written()) == (status == 200)


# What is no call


@pytest.mark.parametrize(
    "form",
    ["text/plain", "", "application/x-www-form-urlencoded", "application/xml", "application/grpc",
     "application/grpc+proto", "application/grpc-web+thrift", "application/connect+xml"],
)  # fmt: skip
def test_content_type__unknown_or_without_trailers__is_415(client, token, form):
    answer = post(client, SET, {"actions": True}, token, form)

    assert (answer.status_code, written()) == (415, [])


@pytest.mark.parametrize("verb", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_verb__other_than_post__is_405(client, token, verb):
    headers = {"Authorization": f"Bearer {token}"}
    answer = client.generic(verb, SET, b"{}", JSON, headers=headers)

    assert (answer.status_code, answer["Allow"], written()) == (405, "POST", [])


@pytest.mark.parametrize(
    "path",
    [
        f"{SERVICE}/SetEverything",
        f"{SERVICE}/setinstancefeatures",
        "/zitadel.feature.v3.FeatureService/SetInstanceFeatures",
        "/grpc.health.v1.Health/Watch",
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    ],
)
def test_method__unknown__is_unimplemented(client, path):
    connect = post(client, path)
    web = post(client, path, frame(b""), form=GRPC_WEB)

    assert (connect.status_code, connect.json()["code"]) == (501, "unimplemented")
    assert trailers_of(web)[0] == 12


@pytest.mark.parametrize(
    ("header", "value", "code"),
    [
        ("Connect_Timeout_Ms", "0", "deadline_exceeded"),
        ("Connect_Timeout_Ms", "soon", "invalid_argument"),
        ("Connect_Protocol_Version", "2", "invalid_argument"),
    ],
)
def test_metadata__deadline_passed_or_malformed__does_nothing(client, token, header, value, code):
    answer = post(client, SET, {"actions": True}, token, **{header: value})

    assert (answer.json()["code"], written()) == (code, [])


@pytest.mark.parametrize("authorization", ["Bearer", "Bearer a b", "Digest x", "Bearer ☃"])
def test_metadata__malformed_authorization__is_unauthenticated(client, cast, authorization):
    encoded = authorization.encode().decode("latin-1")
    answer = post(client, GET, {}, Authorization=encoded)

    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


@pytest.mark.parametrize(("path", "status"), [(SET, 401), (f"{SERVICE}/Nonsense", 501)])
def test_message__of_nobody_or_for_nothing__is_not_read(client, cast, path, status):
    class Endless(io.BytesIO):
        def read(self, size=-1):
            raise AssertionError("waited for a client that has nothing to say")

    always = {"CONTENT_TYPE": JSON, "CONTENT_LENGTH": "9", "wsgi.input": Endless()}
    answer = client.generic("POST", path, b"", JSON, **always)

    assert answer.status_code == status


def test_unexpected_error__says_nothing_of_the_inside(client, token, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("a secret of the inside")

    monkeypatch.setattr("rpc.servicers.get_features", fail)

    answer = post(client, GET, {"inheritance": True}, token)

    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert answer.json()["message"] == f"internal error; request id {answer['X-Request-Id']}"


# What needs no caller


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
