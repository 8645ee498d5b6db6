"""The feature API through REST: every case of the table that all ways in share."""

from copy import deepcopy

import pytest

from tenancy.models import Instance, Organization, User
from tenancy.revision import touch_revision
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


@pytest.fixture(scope="module")
def kept_world(kept_cast, django_db_blocker):
    with django_db_blocker.unblock():
        return make_world(kept_cast)


@pytest.fixture
def world(kept_world):
    return deepcopy(kept_world)


@pytest.mark.parametrize("case", CASES, ids=case_id)
def test_feature_api__case__comes_out_as_the_table_says(case, client, world):
    check_case(case, RestCaller(client), world)


@pytest.mark.parametrize("actor", permission_table()["actors"])
def test_feature_api__actor__may_what_the_table_says(actor, client, world):
    table = permission_table()
    expected = table["actors"][actor]

    found = find_outcomes(actor, RestCaller(client), world)

    refused = table["calls"].keys() - set(expected["allowed"]) - set(expected["unknown"])
    assert found == expected | {"refused": sorted(refused)}


@pytest.mark.parametrize(("writing", "reading"), [("/v2", "/v2beta"), ("/v2beta", "/v2")])
def test_feature_api__other_prefix__is_the_same_state(writing, reading, client, world):
    token = world.token("root")
    message = {"userId": "bob"}

    RestCaller(client, writing).call("SetUserFeatures", message | {"actions": True}, token)
    read = RestCaller(client, reading).call("GetUserFeatures", message, token)

    assert read.features == {"actions": (True, "SOURCE_USER")}


@pytest.mark.parametrize("case", CASES[::10], ids=case_id)
def test_feature_api__deprecated_prefix__answers_alike(case, client, world):
    check_case(case, RestCaller(client, "/v2beta"), world)


def test_feature_api__without_any_instance__finds_none_at_the_host(client, world):
    for model in (User, Organization, Instance):
        model.objects.all().delete()
    touch_revision()

    response = send(client, "GET", "/v2/features/system?inheritance=true", Host="localhost")

    assert_error(response, 404, 5, '"localhost"')
