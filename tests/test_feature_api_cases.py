"""The feature API through REST: every case of the table that all ways in share."""

import pytest

from tests.feature_api import (
    case_id,
    check_case,
    find_outcomes,
    load_cases,
    make_world,
    permission_table,
)
from tests.rest import RestCaller, assert_error, send

pytestmark = pytest.mark.django_db

CASES = load_cases("feature_api.json")


@pytest.mark.parametrize("case", CASES, ids=case_id)
def test_feature_api__case__comes_out_as_the_table_says(case, client):
    check_case(case, RestCaller(client))


@pytest.mark.parametrize("actor", permission_table()["actors"])
def test_feature_api__actor__may_what_the_table_says(actor, client):
    table = permission_table()
    expected = table["actors"][actor]

    found = find_outcomes(actor, RestCaller(client))

    refused = table["calls"].keys() - set(expected["allowed"]) - set(expected["unknown"])
    assert found == expected | {"refused": sorted(refused)}


@pytest.mark.parametrize(("writing", "reading"), [("/v2", "/v2beta"), ("/v2beta", "/v2")])
def test_feature_api__other_prefix__is_the_same_state(writing, reading, client):
    token = make_world().token("root")
    message = {"userId": "bob"}

    RestCaller(client, writing).call("SetUserFeatures", message | {"actions": True}, token)
    read = RestCaller(client, reading).call("GetUserFeatures", message, token)

    assert read.features == {"actions": (True, "SOURCE_USER")}


@pytest.mark.parametrize("case", CASES[::10], ids=case_id)
def test_feature_api__deprecated_prefix__answers_alike(case, client):
    check_case(case, RestCaller(client, "/v2beta"))


def test_feature_api__without_any_instance__finds_none_at_the_host(client):
    response = send(client, "GET", "/v2/features/system?inheritance=true", Host="localhost")

    assert_error(response, 404, 5, '"localhost"')
