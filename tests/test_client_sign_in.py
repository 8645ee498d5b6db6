"""Signing in as an API client: credentials, secrets, addresses, throttling, last use."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Any
from urllib.parse import urlencode

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from clients import refusals
from clients.models import ApiClient, ClientFeature, Refusal
from clients.networks import is_address_allowed
from clients.services import disable_client, rotate_secret, set_expiry, set_networks
from events.models import Event
from tenancy.services import create_instance
from tests.factories import BY, basic, make_cast, make_client

pytestmark = pytest.mark.django_db

PATH = "/v2/features/instance?inheritance=true"
FORM = "application/x-www-form-urlencoded"
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


def status(client, issued, secret=None, **extra):
    return client.get(PATH, headers=basic(issued, secret), **extra).status_code


def reasons():
    return list(Refusal.objects.order_by("id").values_list("reason", flat=True))


# Credentials


def test_sign_in__right_secret__costs_one_query(client, reader, django_assert_num_queries):
    status(client, reader)

    with django_assert_num_queries(2):  # the client, and the features that it asks for
        answer = client.get(PATH, headers=basic(reader))

    assert answer.json()["loginDefaultOrg"] == {"enabled": False, "source": "SOURCE_UNSPECIFIED"}


def test_sign_in__several_features__hold_together(client, instance):
    issued = make_client(instance, "access_issuer", "direct_read_access")

    assert status(client, issued) == 200
    assert client.get("/api/v1/tokens", headers=basic(issued)).status_code == 200


@pytest.mark.parametrize(
    "header",
    ["Basic", "Basic !", "Basic YWJj", "Basic /w==", "Basic AAA6AAA=", "basic bm86bm8=", "Basic é"],
)
def test_sign_in__whatever_is_wrong__is_one_answer(client, reader, header):
    wrong_secret = client.get(PATH, headers=basic(reader, "a" * 32))
    malformed = client.get(PATH, HTTP_AUTHORIZATION=header)

    assert wrong_secret.status_code == malformed.status_code == 401
    assert wrong_secret.content == malformed.content
    assert "(AUTH-7fs1e)" in wrong_secret.json()["message"]
    assert wrong_secret["WWW-Authenticate"]


def test_sign_in__wrong_secret_or_unknown_id__takes_the_same_steps(client, instance, reader):
    client.get("/clients/list")
    steps = []
    for client_id in (reader.client.client_id, "a" * 32):
        with CaptureQueriesContext(connection) as queries:
            client.get(
                f"/clients/list?{urlencode({'client_id': client_id, 'client_secret': 'x' * 32})}"
            )
        steps.append([query["sql"].split(" ", 1)[0] for query in queries])

    assert steps[0] == steps[1]


def test_sign_in__client_of_another_instance__sees_nothing_of_this_one(client, instance):
    other = create_instance("Other", domains=["other.example"])
    foreigner = make_client(other, "owner")

    assert status(client, foreigner) == 403
    assert reasons() == ["host"]
    there = client.get(PATH, headers={**basic(foreigner), "Host": "other.example"})
    assert there.status_code == 200
    organization = client.get(
        "/v2/features/organization/acme",
        headers={**basic(foreigner), "Host": "other.example"},
    )
    assert organization.status_code == 404


def test_sign_in__host_of_no_instance__means_the_clients_own(client, instance, settings):
    settings.ACCEPTED_HOSTS = ["localhost"]
    create_instance("Other", domains=["other.example"])
    reader = make_client(instance, "direct_read_access")

    assert client.get(PATH, headers={**basic(reader), "Host": "localhost"}).status_code == 200


# Secrets that rotate


@pytest.mark.parametrize(
    ("after", "works"),
    [(0, True), (1, True), (3599.999, True), (3600, False), (3601, False)],
)
def test_old_secret__around_the_end_of_its_overlap__works_until_then(client, reader, after, works):
    with time_machine.travel(NOON, tick=False) as clock:
        new = rotate_secret(reader.client, overlap=timedelta(hours=1), **BY).secret
        clock.shift(after)

        assert status(client, reader, new) == 200
        assert status(client, reader) == (200 if works else 401)


def test_old_secret__without_overlap__works_not_one_request_longer(client, reader):
    new = rotate_secret(reader.client, **BY).secret

    assert status(client, reader) == 401
    assert status(client, reader, new) == 200


def test_old_secret__after_a_further_reset__only_the_one_just_before_works(client, reader):
    second = rotate_secret(reader.client, overlap=timedelta(hours=168), **BY).secret
    third = rotate_secret(reader.client, overlap=timedelta(hours=1), **BY).secret

    assert status(client, reader) == 401
    assert status(client, reader, second) == 200
    assert status(client, reader, third) == 200


def test_secret__stored__is_a_digest_only(reader):
    new = rotate_secret(reader.client, overlap=timedelta(hours=1), **BY).secret

    text = repr(list(ApiClient.objects.values())) + repr(list(Event.objects.values()))
    assert reader.secret not in text
    assert new not in text


# Clients that ended


def test_expiry__around_its_moment__ends_the_client(client, reader):
    with time_machine.travel(NOON, tick=False) as clock:
        set_expiry(reader.client, NOON + timedelta(hours=1), **BY)

        assert status(client, reader) == 200
        clock.shift(3600)
        assert status(client, reader) == 401
    assert reasons() == ["expired"]


def test_disabled__client__is_refused_as_one_that_is_unknown(client, reader):
    disable_client(reader.client, **BY)

    assert status(client, reader) == 401
    assert reasons() == ["disabled"]


# Addresses


@pytest.mark.parametrize(
    ("networks", "address", "is_allowed"),
    [
        (["0.0.0.0/0"], "203.0.113.9", True),
        (["0.0.0.0/0"], "2001:db8::1", True),
        (["0.0.0.0/0"], "", True),
        (["10.0.0.0/8"], "10.255.0.1", True),
        (["10.0.0.0/8"], "11.0.0.1", False),
        (["10.0.0.0/8"], "::ffff:10.1.2.3", True),
        (["10.0.0.0/8"], "::ffff:11.1.2.3", False),
        (["10.0.0.0/8"], "::10.1.2.3", False),
        (["10.0.0.0/8"], "2001:db8::1", False),
        (["10.0.0.0/8"], "", False),
        (["10.0.0.0/8"], "10.0.0.1, 1.2.3.4", False),
        (["10.9.8.7/8"], "10.0.0.1", True),
        (["10.0.0.1/32"], "10.0.0.1", True),
        (["10.0.0.1/32"], "10.0.0.2", False),
        (["192.0.2.0/24", "10.0.0.0/8"], "10.0.0.2", True),
        (["2001:db8::/32"], "2001:db8:1::1", True),
        (["2001:db8::5/32"], "2001:DB8:0:0::1", True),
        (["2001:db8::/32"], "2001:db9::1", False),
        (["::/0"], "2001:db9::1", True),
        (["::/0"], "10.0.0.1", False),
        (["::ffff:10.0.0.0/104"], "10.0.0.1", True),
        (["::ffff:10.0.0.0/104"], "::ffff:10.0.0.1", True),
        (["::ffff:10.0.0.0/104"], "11.0.0.1", False),
    ],
)
@pytest.mark.once
def test_address__in_a_list_of_networks__is_allowed(networks, address, is_allowed):
    assert is_address_allowed(address, networks) is is_allowed


def test_allow_list__address_outside__gets_the_body_of_a_missing_permission(
    client, instance, reader
):
    nothing = make_client(instance)
    set_networks(reader.client, ["198.51.100.0/24"], **BY)

    from_outside = client.get(PATH, headers=basic(reader))
    without_feature = client.get(PATH, headers=basic(nothing))

    assert from_outside.status_code == without_feature.status_code == 403
    assert from_outside.content == without_feature.content
    assert reasons() == ["address", "feature"]


def test_allow_list__behind_a_proxy__sees_who_calls_it(client, reader, settings):
    set_networks(reader.client, ["198.51.100.0/24"], **BY)
    caller = {"HTTP_X_FORWARDED_FOR": "198.51.100.7"}

    forged = status(client, reader, **caller)
    settings.TRUSTED_PROXIES = [ip_network("127.0.0.1/32")]

    assert forged == 403
    assert status(client, reader, **caller) == 200
    assert status(client, reader, HTTP_X_FORWARDED_FOR="198.51.100.7, 203.0.113.1") == 403
    assert status(client, reader) == 403


# Throttling


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


# Last use


def test_last_use__many_requests__is_written_once_a_minute(
    client, reader, django_assert_num_queries
):
    with time_machine.travel(NOON, tick=False) as clock:
        status(client, reader)
        clock.shift(59)
        with django_assert_num_queries(2):
            status(client, reader)
        assert ApiClient.objects.get().last_used_at == NOON
        clock.shift(1)
        status(client, reader)

        assert ApiClient.objects.get().last_used_at == NOON + timedelta(minutes=1)


def test_last_use__refused_request__is_none(client, reader):
    set_networks(reader.client, ["198.51.100.0/24"], **BY)

    guess(client, reader, 1)
    status(client, reader)

    assert ApiClient.objects.get().last_used_at is None


# Refusals


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


# At the same time


@contextmanager
def writing(table_row: ApiClient):
    """Hold what a long change holds: SQLite's write lock, or the row's in PostgreSQL."""
    other: Any
    if connection.vendor == "sqlite":
        other = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
    else:
        other = connection.copy()
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute(
                "SELECT 1 FROM clients_apiclient WHERE id = %s FOR UPDATE", [table_row.pk]
            )
    try:
        yield
    finally:
        if connection.vendor != "sqlite":
            other.rollback()
        other.close()


def in_thread(call):
    """Run it in another thread, and fail if it does not end long before SQLite's 20 seconds."""

    def run():
        try:
            return call()
        finally:
            connection.close()

    executor = ThreadPoolExecutor(1)
    try:
        return executor.submit(run).result(timeout=10)
    finally:
        executor.shutdown(wait=False)


@pytest.mark.django_db(transaction=True)
def test_reading__while_somebody_writes__waits_for_nobody(reader):
    with writing(reader.client):
        answers = in_thread(lambda: [status(Client(), reader), status(Client(), reader, "wrong")])

    assert answers == [200, 401]
    assert ApiClient.objects.get().last_used_at is None


@pytest.mark.django_db(transaction=True)
def test_guessing__while_somebody_writes__is_throttled_and_noted_later(reader):
    with writing(reader.client):
        answers = in_thread(lambda: guess(Client(), reader, 11))
    noted_meanwhile = Refusal.objects.filter(reason="secret").count()
    guess(Client(), reader, 1, REMOTE_ADDR="203.0.113.9")

    assert answers == [401] * 10 + [429]
    assert noted_meanwhile == (0 if connection.vendor == "sqlite" else 10)
    assert Refusal.objects.filter(client_id=reader.client.client_id).count() == 11


def at_once(*calls):
    """Run calls in threads that begin together; return their answers."""

    def run(call):
        try:
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as executor:
        return [future.result() for future in [executor.submit(run, call) for call in calls]]


def set_features(by, target, features):
    body = urlencode({"for_client_id": target.client.client_id, "features": features})
    response = Client().post("/clients/set_features", body, content_type=FORM, headers=basic(by))
    return response.json()


@pytest.mark.django_db(transaction=True)
def test_owners__demoting_each_other_at_once__leave_one(instance):
    for _ in range(5):
        one, two = make_client(instance, "owner"), make_client(instance, "owner")

        answers = at_once(
            lambda one=one, two=two: set_features(one, two, "[]"),
            lambda one=one, two=two: set_features(two, one, "[]"),
        )

        assert sorted(answer["stat"] for answer in answers) == ["error", "ok"]
        [refused] = [answer for answer in answers if answer["stat"] == "error"]
        assert (refused["code"], refused.get("argument_name")) in {(200, "features"), (403, None)}
        assert ClientFeature.objects.filter(name="owner").count() == 1
        ClientFeature.objects.all().delete()


@pytest.mark.django_db(transaction=True)
def test_set_features__twice_at_once__is_one_of_the_two(instance, owner):
    target = make_client(instance)
    sets = [["direct_access", "access_issuer"], ["direct_read_access"]]

    answers = at_once(
        lambda: set_features(owner, target, '["direct_access","access_issuer"]'),
        lambda: set_features(owner, target, '["direct_read_access"]'),
    )

    assert [answer["stat"] for answer in answers] == ["ok", "ok"]
    events = list(Event.objects.filter(type="clients.features_set").order_by("sequence"))
    assert target.client.feature_names == events[-1].after
    assert events[0].before == []
    assert events[1].before == events[0].after
    assert [events[0].after, events[1].after] in (sets, sets[::-1])
