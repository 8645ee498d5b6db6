"""What the feature API answers when it is not the caller's fault, and over plain HTTP."""

import io
import os
import subprocess
import sys

import pytest
from django.db import DataError, IntegrityError, InterfaceError, OperationalError, ProgrammingError
from rest_framework.exceptions import Throttled

from config.settings import BASE_DIR
from events.services import Conflict
from features import views
from tests.rest import RootApi, assert_error

PATH = "/v2/features/system?inheritance=true"


@pytest.fixture
def api(client, db, kept_cast):
    return RootApi(client, kept_cast)


@pytest.fixture
def fail_with(monkeypatch):
    """Return a function that lets every read of features end in an error."""

    def fail_with(error):
        def fail(*_args, **_kwargs):
            raise error

        monkeypatch.setattr(views, "get_features", fail)

    return fail_with


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("SELECT digest FROM access_accesstoken"),
        ProgrammingError('relation "features_feature" does not exist'),
        IntegrityError("UNIQUE constraint failed"),
        DataError("value too long"),
        KeyError("password"),
        AttributeError("digest"),
        RecursionError("maximum recursion depth exceeded"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_error__unexpected__is_500_with_nothing_but_a_request_id(api, fail_with, error):
    fail_with(error)

    response = api("GET", PATH)

    body = assert_error(response, 500, 13)
    assert body == {"code": 13, "message": f"internal error; request id {response['X-Request-Id']}"}


def test_error__unexpected_outside_of_the_views__is_the_same(api, monkeypatch):
    def fail(*_):
        raise RuntimeError("SELECT 1")

    monkeypatch.setattr("config.hosts.is_api_path", fail)
    api.client.raise_request_exception = False

    response = api("GET", PATH)

    body = assert_error(response, 500, 13)
    assert "SELECT" not in str(body)
    assert "request id" in body["message"]


@pytest.mark.parametrize("error", [OperationalError("FATAL: db"), InterfaceError("closed")])
def test_error__of_the_connection__is_503(api, fail_with, error):
    fail_with(error)

    body = assert_error(api("GET", PATH), 503, 14, "not available")
    assert str(error) not in body["message"]


class LostRace(Exception):
    sqlstate = "40P01"


def lost_race():
    error = OperationalError("deadlock detected")
    error.__cause__ = LostRace()
    return error


@pytest.mark.parametrize("error", [Conflict("a concurrent change won"), lost_race()])
def test_error__lost_race__is_409(api, fail_with, error):
    fail_with(error)

    assert_error(api("GET", PATH), 409, 10, "a concurrent change won")


@pytest.mark.parametrize(("wait", "header"), [(30, "30"), (29.2, "30"), (0.1, "1"), (None, None)])
def test_error__throttled__is_429_with_whole_seconds(api, fail_with, wait, header):
    fail_with(Throttled(wait=wait))

    response = api("GET", PATH)

    assert_error(response, 429, 8)
    assert response.get("Retry-After") == header


def test_body__that_breaks_off__is_400(api):
    class Broken(io.RawIOBase):
        def read(self, *_):
            raise OSError("connection reset")

    response = api.client.generic(
        "PUT",
        "/v2/features/system",
        b'{"actions": true}',
        headers={"Authorization": f"Bearer {api.token}"},
        **{"wsgi.input": Broken()},
    )

    assert_error(response, 400, 3, "the body ended before")


@pytest.mark.parametrize("verb", ["GET", "PUT", "POST"])
def test_plain_http__where_https_is_asked_for__is_refused_and_not_redirected(
    client, db, kept_cast, settings, verb
):
    settings.SECURE_SSL_REDIRECT = True
    api = RootApi(client, kept_cast)

    assert_error(api(verb, PATH, {"actions": True}), 400, 9, "HTTPS only")
    assert client.get("/admin/").status_code == 301
    assert client.get(PATH, secure=True).status_code == 401


DEAD_DATABASE = """
import django, json
django.setup()
from django.test import Client
client = Client(raise_request_exception=False, headers={"Authorization": "Bearer strata_x"})
for method in (client.get, client.put, client.delete):
    for path in ("v2/features/system", "v2/nope", "instances/x/features/1", "admin/"):
        answer = method(f"/{path}", {}, content_type="application/json")
        print(answer.status_code, answer.headers["Content-Type"], answer.content[:90])
"""


@pytest.mark.once
def test_database__that_is_away__is_503_everywhere():
    environment = {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "SECRET_KEY": "0123456789abcdefghijklmnopqrstuvwxyz-0123456789-ABCDEF",
        "DATABASE_URL": "postgres://nobody@127.0.0.1:1/nothing",
        "DATABASE_POOL_SIZE": "0",
        "HTTPS": "off",
        "ALLOWED_HOSTS": "testserver",
        "STATIC_ROOT": "",
    }

    done = subprocess.run(
        [sys.executable, "-c", DEAD_DATABASE],
        env=os.environ | environment,
        cwd=BASE_DIR,
        capture_output=True,
        text=True,
        check=True,
    )

    lines = done.stdout.splitlines()
    assert len(lines) == 12
    pages = [line for line in lines if "text/html" in line]
    answers = [line for line in lines if line not in pages]
    assert len(pages) == 3
    assert all(line.startswith("503 ") for line in lines), lines
    assert {line.split(" ", 2)[2] for line in answers} == {
        """b'{"code":14,"message":"the database is not available; try again"}'"""
    }
