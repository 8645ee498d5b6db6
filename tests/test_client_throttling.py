"""Guessing the secrets of API clients: how soon it ends, and what is kept of it."""

from datetime import UTC, datetime

import pytest
import time_machine

from clients import refusals
from clients.models import Refusal
from tests.client_calls import PATH, status
from tests.factories import basic, make_cast, make_client

pytestmark = pytest.mark.django_db


NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def instance():
    return make_cast().instance


@pytest.fixture
def reader(instance):
    return make_client(instance, "direct_read_access")


@pytest.fixture
def owner(instance):
    return make_client(instance, "owner")


def guess(client, issued, times=10, **extra):
    return [status(client, issued, "wrong", **extra) for _ in range(times)]


def test_throttle__ten_wrong_secrets__end_that_pair_for_a_minute(client, reader):
    with time_machine.travel(NOON, tick=False) as clock:
        assert guess(client, reader, 11) == [401] * 10 + [429]
        refused = client.get(PATH, headers=basic(reader))
        elsewhere = status(client, reader, REMOTE_ADDR="203.0.113.9")
        clock.shift(59)
        still = status(client, reader)
        clock.shift(1)

        assert (refused.status_code, refused["Retry-After"]) == (429, "60")
        assert refused.json()["code"] == 8
        assert elsewhere == 200
        assert still == 429
        assert status(client, reader) == 200
        assert guess(client, reader, 2) == [401, 401]


def test_throttle__another_client_from_the_same_address__goes_on(client, instance, reader):
    other = make_client(instance, "direct_read_access")
    guess(client, reader)

    assert status(client, other) == 200


def test_throttle__on_clients_endpoints__is_510_in_their_envelope(client, owner):
    guess(client, owner)

    answer = client.post("/clients/list", headers=basic(owner)).json()

    assert (answer["stat"], answer["code"], answer["error"]) == ("error", 510, "api_limit_error")


def test_throttle__unknown_id__is_no_oracle(client, instance):
    url = "/clients/list?client_id=nobody&client_secret=x"

    codes = [client.get(url).json()["code"] for _ in range(11)]

    assert codes == [402] * 10 + [510]


def test_throttle__wrong_secrets_over_more_than_a_minute__does_not_count(client, reader):
    with time_machine.travel(NOON, tick=False) as clock:
        for _ in range(12):
            guess(client, reader, 1)
            clock.shift(7)

        assert status(client, reader) == 200


def test_throttle__same_caller_as_ipv4_in_ipv6__is_one_address(client, reader):
    guess(client, reader, 5)
    guess(client, reader, 5, REMOTE_ADDR="::ffff:127.0.0.1")

    assert status(client, reader) == 429


def test_throttle__right_secret__costs_no_query_more(client, reader, django_assert_num_queries):
    guess(client, reader, 9)
    status(client, reader)

    with django_assert_num_queries(2):
        assert status(client, reader) == 200


def test_refusal__each_reason__is_kept_with_address_and_request(client, reader):
    wrong = client.get(PATH, headers=basic(reader, "wrong"), REMOTE_ADDR="203.0.113.9")
    denied = client.delete("/v2/features/instance", headers=basic(reader))

    rows = list(Refusal.objects.order_by("id"))
    assert [(row.reason, row.address, row.request_id, row.detail) for row in rows] == [
        ("secret", "203.0.113.9", wrong["X-Request-Id"], ""),
        ("feature", "127.0.0.1", denied["X-Request-Id"], "missing permission iam.feature.delete"),
    ]
    assert {row.client_id for row in rows} == {reader.client.client_id}


def test_refusal__in_the_log__has_the_reason_and_no_secret(client, reader, caplog):
    client.get(f"/clients/list?client_id={reader.client.client_id}&client_secret=guessed-secret")
    client.get(f"/clients/list?client_id=x%0Ay&client_secret={reader.secret}")

    assert f"refused client {reader.client.client_id} from 127.0.0.1: secret" in caplog.text
    assert "guessed-secret" not in caplog.text
    assert reader.secret not in caplog.text


def test_refusals__more_than_are_kept__lose_the_oldest_of_that_client(
    client, instance, reader, monkeypatch
):
    monkeypatch.setattr(refusals, "KEPT_OF_CLIENT", 3)
    other = make_client(instance, "direct_read_access")

    with time_machine.travel(NOON, tick=False) as clock:
        guess(client, other, 1)
        guess(client, reader, 5)
        while_young = Refusal.objects.count()
        clock.shift(180)
        guess(client, reader, 1)

    assert while_young == 6  # the throttle counts them
    of_reader = Refusal.objects.filter(client_id=reader.client.client_id)
    assert (of_reader.count(), Refusal.objects.count()) == (3, 4)


def test_refusals__of_many_unknown_ids__are_bounded(client, instance, monkeypatch):
    monkeypatch.setattr(refusals, "KEPT_OF_UNKNOWN", 3)
    monkeypatch.setattr(refusals, "PRUNE_UNKNOWN_EVERY", 1)

    for number in range(6):
        client.get(f"/clients/list?client_id=unknown{number}&client_secret=x")

    assert Refusal.objects.count() == 3
