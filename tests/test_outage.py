"""PostgreSQL goes away under a server that runs, and comes back."""

import http.client
import json
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from django.db import connection

from tests.factories import basic, make_cast, make_client, token_for
from tests.postgres import find_binaries, run_server
from tests.server import database_url, find_free_port, serve

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]

RPC = "/zitadel.feature.v2.FeatureService/GetInstanceFeatures"
AWAY = "the database is not available; try again"
IN_JSON = {"code": 14, "message": AWAY}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def database():
    """A server of its own, which may be stopped, with what the tests' database has."""
    with run_server() as server:
        binaries = find_binaries()
        for url, sql in (
            (server.url.replace("/strata?", "/postgres?"), "CREATE DATABASE strata"),
            (server.url, dump(binaries)),
        ):
            command = [str(binaries / "psql"), "--quiet", "--set", "ON_ERROR_STOP=1", url]
            subprocess.run(command, input=sql, text=True, check=True, stdout=subprocess.DEVNULL)
        yield server


def dump(binaries):
    command = [binaries / "pg_dump", "--no-owner", database_url()]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def ask(port, method, path, headers=(), body=None):
    """Return status, kind and content of an answer, which must come within the timeout."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as client:
        client.request(method, path, body, {"Host": "testserver", **dict(headers)})
        response = client.getresponse()
        return response.status, response.headers.get_content_type(), response.read().decode()


def wait_until(holds):
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline, "it does not come back"
        time.sleep(0.1)


def test_outage__of_the_database__is_told_everywhere_and_ends_by_itself(request):
    cast = make_cast()
    token = {"Authorization": f"Bearer {token_for(cast.root)}"}
    client = basic(make_client(cast.instance, "owner"))
    calls = {
        "features": ("GET", "/v2/features/instance?inheritance=true", token),
        "change": ("PUT", "/v2/features/instance", token | JSON, '{"actions": true}'),
        "management": ("GET", "/api/v1/organizations", token),
        "token": ("POST", "/oauth/v2/token", client | FORM, "grant_type=x"),
        "connect": ("POST", RPC, token | JSON, '{"inheritance": true}'),
        "clients": ("POST", "/clients/list", client | FORM, ""),
        "page": ("GET", "/admin/", {"Accept-Language": "de"}),
        "healthz": ("GET", "/healthz"),
        "readyz": ("GET", "/readyz"),
    }
    connection.close()
    database = request.getfixturevalue("database")
    port = find_free_port()

    with serve(port, DATABASE_URL=database.url, DATABASE_POOL_SIZE="4"):
        assert ask(port, *calls["features"])[0] == 200
        database.stop()
        with ThreadPoolExecutor(len(calls)) as pool:
            running = {name: pool.submit(ask, port, *call) for name, call in calls.items()}
            said = {name: answer.result() for name, answer in running.items()}
        database.start()
        wait_until(lambda: ask(port, *calls["readyz"])[0] == 200)
        wait_until(lambda: ask(port, *calls["change"])[0] == 200)

    status, kind, page = said.pop("page")
    assert (status, kind, "Datenbank antwortet nicht" in page) == (503, "text/html", True)
    bodies = {name: (status, json.loads(body)) for name, (status, _, body) in said.items()}
    assert bodies.pop("healthz") == (200, {"status": "ok"})
    away = {"status": "unavailable", "reason": "the database does not answer"}
    assert bodies.pop("readyz") == (503, away)
    assert bodies.pop("connect") == (503, {"code": "unavailable", "message": AWAY})
    status, envelope = bodies.pop("clients")
    assert (status, envelope["stat"], envelope["code"]) == (200, "error", 500)
    assert envelope["error_description"] == AWAY
    assert bodies == dict.fromkeys(("features", "change", "management", "token"), (503, IN_JSON))
