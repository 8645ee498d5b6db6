"""Signing in as an API client: credentials, secrets, addresses, last use."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from urllib.parse import urlencode

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from clients.models import ApiClient
from clients.networks import is_address_allowed
from clients.services import disable_client, rotate_secret, set_expiry, set_networks
from events.models import Event
from tenancy.services import create_instance
from tests.client_calls import PATH, reasons, status
from tests.factories import BY, basic, make_cast, make_client

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


def guess(client, issued, times=10, **extra):
    return [status(client, issued, "wrong", **extra) for _ in range(times)]


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
