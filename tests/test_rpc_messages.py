"""What a message says over the binary transports: presence, null, numbers, unknown fields."""

import pytest
from google.protobuf.struct_pb2 import NULL_VALUE, Value

from features.models import Feature
from rpc.gen.feature_service_v2_pb2 import (
    GetInstanceFeaturesResponse,
    SetInstanceFeaturesRequest,
)
from rpc.gen.feature_v2_pb2 import LoginV2
from tenancy.revision import touch_revision
from tests.factories import token_for
from tests.rpc_posts import GET, PROTO, SERVICE, SET, post, written

pytestmark = pytest.mark.django_db


@pytest.fixture
def token(cast):
    return token_for(cast.root)


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
