"""Signing in as an API client: credentials, secrets, throttling, last use."""

import pytest

from tests.factories import basic, make_cast, make_client

pytestmark = pytest.mark.django_db

PATH = "/v2/features/instance?inheritance=true"


@pytest.fixture
def cast():
    return make_cast()


@pytest.fixture
def reader(cast):
    return make_client(cast.instance, "direct_read_access")


def test_sign_in__right_secret__reads_with_one_query_more(
    client, reader, django_assert_num_queries
):
    client.get(PATH, headers=basic(reader))

    with django_assert_num_queries(2):
        answer = client.get(PATH, headers=basic(reader))

    assert answer.status_code == 200
    assert answer.json()["loginDefaultOrg"] == {"enabled": False, "source": "SOURCE_UNSPECIFIED"}


def test_sign_in__wrong_secret_or_id__is_one_answer(client, reader):
    wrong_secret = client.get(PATH, headers=basic(reader, "a" * 32))
    unknown = client.get(PATH, headers={"Authorization": "Basic bm9ib2R5OnNlY3JldA=="})

    assert wrong_secret.status_code == unknown.status_code == 401
    assert wrong_secret.content == unknown.content
    assert wrong_secret["WWW-Authenticate"]
