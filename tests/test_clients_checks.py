"""Who calls the `/clients/*` endpoints: credentials, and the checks in their order."""

from urllib.parse import urlencode

import pytest

from clients.services import set_networks
from tenancy.services import create_instance
from tests.client_calls import POST_ONLY, caller, refused
from tests.factories import BY, make_client

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


def test_credentials__absent__are_a_missing_client_id(client, call):
    answer = call("list", by=None)

    assert answer["error_description"] == "missing required argument: client_id"
    assert refused(answer, 100, "missing_argument", argument_name="client_id")


@pytest.mark.parametrize("verb", ["Bearer x", "Signature a=b", "OAuth x", "bearer", "gibberish"])
def test_credentials__another_scheme__is_said(client, owner, verb):
    parameters = {"client_id": owner.client.client_id, "client_secret": owner.secret}

    response = client.post("/clients/list", parameters, headers={"Authorization": verb})

    assert refused(response.json(), 205, "invalid_auth_method")


@pytest.mark.parametrize(
    "header",
    [
        "Basic",
        "Basic ",
        "Basic !!!",
        "Basic YTpi YTpi",
        "Basic YWJj",  # abc: no colon
        "Basic /w==",  # not UTF-8
        "Basic Og==",  # a colon alone
        "Basic AAA6AAA=",  # control characters
        "Basic bm9ib2R5OnNlY3JldA==",
        "Basic \xff",
    ],
)
def test_credentials__malformed_basic__are_wrong_ones(client, owner, header):
    parameters = urlencode({"client_id": owner.client.client_id, "client_secret": owner.secret})

    response = client.post(
        f"/clients/list?{parameters}",
        HTTP_AUTHORIZATION=header.encode("utf-8", "surrogateescape").decode("latin-1"),
    )

    assert "WWW-Authenticate" not in response
    assert refused(response.json(), 402, "invalid_client_credentials")


@pytest.mark.parametrize(
    "parameters",
    [
        {"client_id": "ID"},
        {"client_secret": "SECRET"},
        {"client_id": "", "client_secret": "SECRET"},
        {"client_id": "ID", "client_secret": ""},
        {"client_id": "ID", "client_secret": "wrong"},
        {"client_id": "a" * 32, "client_secret": "SECRET"},
        {"client_id": "\0", "client_secret": "\0"},
        {"client_id": "ID\0", "client_secret": "SECRET"},
        {"client_id": "x" * 5000, "client_secret": "SECRET"},
        {"client_id": "ID", "client_secret": "SECRET "},
    ],
)
def test_credentials__half_or_wrong__are_one_answer(call, owner, parameters):
    known = {"ID": owner.client.client_id, "SECRET": owner.secret}
    parameters = {
        name: value.replace("ID", known["ID"]).replace("SECRET", known["SECRET"])
        for name, value in parameters.items()
    }

    answer = call("list", parameters, by=None)

    assert answer["error_description"] == "the client credentials are not valid"
    assert refused(answer, 402, "invalid_client_credentials")


def test_credentials__header_and_parameters__header_wins(client, call, owner, other):
    wrong = {"client_id": owner.client.client_id, "client_secret": "wrong"}
    right = {"client_id": owner.client.client_id, "client_secret": owner.secret}

    assert call("list", wrong)["stat"] == "ok"
    assert refused(call("list", right, by=other), 403, "client_permission_error")


def test_order__each_check__comes_before_the_next(client, call, owner, other):
    everything_wrong = {
        "for_client_id": "nobody",
        "features": "[",
    }
    set_networks(owner.client, ["198.51.100.0/24"], **BY)
    by_others = call("set_features", everything_wrong, by=other)
    from_elsewhere = call("set_features", everything_wrong)
    set_networks(owner.client, None, **BY)

    assert refused(by_others, 403, "client_permission_error")
    assert refused(from_elsewhere, 403, "client_permission_error")
    without_features = call("set_features", {"for_client_id": "nobody"})
    assert refused(without_features, 100, "missing_argument", argument_name="features")
    bad_json = call("set_features", everything_wrong)
    assert refused(bad_json, 200, "invalid_argument", argument_name="features")
    bad_target = call("set_features", {**everything_wrong, "features": '["nothing"]'})
    assert refused(bad_target, 200, "invalid_argument", argument_name="for_client_id")
    bad_feature = call("set_features", {"features": '["nothing"]'})
    assert refused(bad_feature, 200, "invalid_argument", argument_name="features")


@pytest.mark.parametrize("feature", ["access_issuer", "direct_access", "login_client", ""])
@pytest.mark.parametrize("verb", [*POST_ONLY, "list"])
def test_endpoint__client_that_is_no_owner__is_denied(call, instance, feature, verb):
    caller = make_client(instance, *filter(None, [feature]))

    assert refused(call(verb, by=caller), 403, "client_permission_error")
