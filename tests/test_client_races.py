"""API clients used and changed at the same time."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test import Client

from clients.models import ApiClient, ClientFeature, Refusal
from events.models import Event
from tests.client_calls import status
from tests.factories import basic, make_cast, make_client

pytestmark = pytest.mark.django_db


FORM = "application/x-www-form-urlencoded"


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
