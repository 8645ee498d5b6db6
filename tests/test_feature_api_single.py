"""The path that sets one feature of any instance, for operators of the system."""

import pytest

from events.models import Event
from tests.rest import RootApi, assert_error

pytestmark = pytest.mark.django_db


@pytest.fixture
def api(client, db, kept_cast):
    return RootApi(client, kept_cast)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/system/v1/instances//features/1", 400),
        ("/system/v1/instances/%00/features/1", 400),
        (f"/instances/{'x' * 201}/features/1", 400),
        ("/instances/a/features/b/features/1", 404),
        ("/instances/nope/features/1", 404),
        ("/instances/main/features/", 400),
        ("/instances/main/features/%00", 400),
        ("/instances/main/features/2", 400),
        ("/instances/main/features/-1", 400),
        ("/instances/main/features/INSTANCE_FEATURE_UNSPECIFIED", 400),
        ("/instances/main/features/login_default_organization", 400),
    ],
)
def test_single_feature__odd_path__is_refused(api, path, status):
    assert_error(api("PUT", path, {"bool": True}), status, 3 if status == 400 else 5)


@pytest.mark.parametrize("prefix", ["/system/v1", ""])
@pytest.mark.parametrize(
    ("feature", "body", "value"),
    [
        ("1", {"bool": True}, True),
        ("INSTANCE_FEATURE_LOGIN_DEFAULT_ORG", {"bool": False}, False),
        ("login_default_org", {"value": True}, True),
        ("webKey", {"bool": True}, True),
        ("improved_performance", {"value": [2]}, ["IMPROVED_PERFORMANCE_PROJECT_GRANT"]),
        ("loginV2", {"value": {"required": True}}, {"required": True}),
    ],
)
def test_single_feature__value__is_set(api, prefix, feature, body, value):
    response = api("PUT", f"{prefix}/instances/main/features/{feature}", body)

    assert response.status_code == 200
    assert Event.objects.get(stream__kind="instance").after == value


@pytest.mark.parametrize("body", [{"bool": None}, {"value": None}])
def test_single_feature__null__inherits(api, body):
    api("PUT", "/v2/features/instance", {"loginDefaultOrg": True})

    response = api("PUT", "/system/v1/instances/main/features/1", body)

    assert response.json()["details"]["sequence"] == "2"
    assert_error(api("GET", "/v2/features/instance"), 404, 5)


@pytest.mark.parametrize(
    ("feature", "body", "field"),
    [
        ("1", {"bool": "true"}, "bool"),
        ("1", {"bool": 1}, "bool"),
        ("1", {"value": 1}, "value"),
        ("1", {"bool": True, "value": True}, "value"),
        ("1", {"boolean": True}, "boolean"),
        ("login_v2", {"bool": True}, "bool"),
        ("login_v2", {"value": {"baseUri": "x"}}, "value.baseUri"),
        ("improved_performance", {"value": ["x"]}, "value[0]"),
    ],
)
def test_single_feature__bad_value__is_named(api, feature, body, field):
    response = api("PUT", f"/instances/main/features/{feature}", body)

    violations = assert_error(response, 400, 3)["details"][0]["fieldViolations"]
    assert [violation["field"] for violation in violations] == [field]


def test_single_feature__empty_body__changes_nothing(api):
    assert_error(api("PUT", "/instances/main/features/1", {}), 400, 3, "COMMAND-Vigh1")
