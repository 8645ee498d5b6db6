"""One limit for each caller, over every API that it calls."""

import pytest

from tests.factories import basic, make_cast, make_client

FORM = {"content_type": "application/x-www-form-urlencoded"}


@pytest.fixture
def call(client, db, settings):
    """Return a function that posts as an API client that may call twice a minute."""
    settings.THROTTLE_PER_MINUTE = 2
    issued = make_client(make_cast().instance, "owner", "access_issuer")
    return lambda path, body="": client.post(path, body, headers=basic(issued), **FORM)


def test_clients_api__more_than_the_rate__510_in_its_envelope(call):
    answers = [call("/clients/list").json() for _ in range(3)]

    assert [answer["stat"] for answer in answers] == ["ok", "ok", "error"]
    assert (answers[2]["code"], answers[2]["error"]) == (510, "api_limit_error")
    assert answers[2]["error_description"] == "too many requests: try again in a minute"


def test_oauth__more_than_the_rate__429_in_its_form(call):
    call("/clients/list")
    call("/clients/list")

    answer = call("/oauth/v2/token", "grant_type=x")

    assert (answer.status_code, answer.json()["error"]) == (429, "invalid_request")
    assert 1 <= int(answer["Retry-After"]) <= 31


def test_limit__used_up_by_one__leaves_others_alone(call, client, db):
    from tenancy.models import Instance

    for _ in range(3):
        call("/clients/list")
    other = make_client(Instance.objects.get(), "owner")

    assert client.post("/clients/list", "", headers=basic(other), **FORM).json()["stat"] == "ok"
