"""The bodies that the feature API is sent: whatever they are called, and whatever is in them."""

import pytest

from events.models import Event
from tests.rest import RootApi, assert_error

pytestmark = pytest.mark.django_db

SYSTEM = "/v2/features/system"


@pytest.fixture
def api(client, db, kept_cast):
    return RootApi(client, kept_cast)


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "text/xml",
        "a/b; charset=utf-16",
    ],
)
def test_body__of_any_content_type__is_json(api, content_type):
    response = api("PUT", SYSTEM, {"actions": True}, content_type=content_type)

    assert response.status_code == 200, response.content


@pytest.mark.parametrize(
    ("body", "part"),
    [
        (b"{", "not JSON"),
        (b'{"actions": tru}', "not JSON"),
        (b"{'actions': true}", "not JSON"),
        (b'{"actions": true,}', "not JSON"),
        (b'{"actions": true} x', "not JSON"),
        (b"actions=true", "not JSON"),
        (b"[]", "must be a JSON object"),
        (b"null", "must be a JSON object"),
        (b"true", "must be a JSON object"),
        (b'"actions"', "must be a JSON object"),
        (b"7", "must be a JSON object"),
        (b'{"actions": true, "actions": true}', 'the key "actions" comes twice'),
        (b'{"loginV2": {"required": true, "required": false}}', 'the key "required" comes twice'),
        (b'{"actions": NaN}', "NaN is not a JSON number"),
        (b'{"actions": Infinity}', "Infinity is not a JSON number"),
        (b'{"actions": -Infinity}', "-Infinity is not a JSON number"),
        (b'{"actions": "\xff"}', "not UTF-8"),
        ('{"actions": true}'.encode("utf-16"), "not UTF-8"),
        (b'{"actions": "\x00"}', "not JSON"),
        (b'{"actions": ' + b"[" * 60 + b"]" * 60 + b"}", "nested too deeply"),
        (b'{"actions": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deeply"),
        (b'{"a":' * 30_000 + b"1" + b"}" * 30_000, "nested too deeply"),
        (b"[" * 500_000, ""),
        (b'{"actions": ' + b"9" * 5000 + b"}", "too many digits"),
        (b'{"actions": 1e999}', "actions"),
        (b'{"actions": 1e99999}', "actions"),
        (b'{"\\ud800": true}', "\\ud800"),
        (b'{"\\u0000": true}', "there is no feature"),
        (b'{"improvedPerformance": ["\\udfff"]}', "improvedPerformance[0]"),
        (b'{"loginV2": {"\\ud800": 1}}', "loginV2"),
        (b'{"loginV2": {"baseUri": "https://a.example/\\u0000"}}', "loginV2"),
    ],
)
def test_body__bad__is_400_and_says_why(api, body, part):
    assert_error(api("PUT", SYSTEM, body), 400, 3, part)
    assert not Event.objects.filter(stream__kind="system").exists()


@pytest.mark.parametrize("body", [b"", b"  \n", b"{}", b"\xef\xbb\xbf{}"])
def test_body__empty__changes_nothing(api, body):
    for content_type in ("application/json", "application/x-www-form-urlencoded"):
        response = api("PUT", SYSTEM, body, content_type=content_type)
        assert_error(response, 400, 3, "No changes (COMMAND-Vigh1)")


def test_body__with_a_byte_order_mark__is_read(api):
    assert api("PUT", SYSTEM, b'\xef\xbb\xbf{"actions": true}').status_code == 200


@pytest.mark.parametrize(
    ("size", "status"), [(2**20, 200), (2**20 + 1, 413), (5_000_000, 413), (2_621_441, 413)]
)
def test_body__larger_than_a_mebibyte__is_413(api, size, status):
    body = b'{"actions": true' + b" " * (size - 17) + b"}"

    response = api("PUT", SYSTEM, body)

    assert response.status_code == status
    if status == 413:
        assert_error(response, 413, 3, "larger than 1048576 bytes")


def test_body__with_very_many_bad_members__is_refused_at_once(api):
    fields = {f"loginDefaultOrg{number}": True for number in range(30_000)}
    names = [f"IMPROVED_PERFORMANCE_PROJECT{number}" for number in range(20_000)]

    assert_error(api("PUT", SYSTEM, fields), 400, 3, "more than 1000 fields")
    assert_error(api("PUT", SYSTEM, {"improvedPerformance": names}), 400, 3)
