"""The truth table of the client features: each cell is a request over HTTP to a real server."""

import base64
import http.client
import json
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from django.test.testcases import QuietWSGIRequestHandler

from access.services import issue_token
from clients.catalogue import CLIENT_FEATURES
from clients.models import ApiClient
from clients.services import disable_client, set_networks
from features.services import set_features
from tests.factories import BY, Cast, basic, make_cast, make_client

TABLE = json.loads((Path(__file__).parent / "cases" / "client_features.json").read_text())
COLUMNS = TABLE["columns"]
ACTIONS = "rewd"
ELSEWHERE = ["198.51.100.0/24"]
OF_TOKENS = [column for column in COLUMNS if column != "clients"]  # which takes none
WITH_TOKENS = ("owner", "direct_access", "login_client", "owner from elsewhere")
REFUSALS = {401, 403}
PATHS = {
    "system": "/v2/features/system",
    "instance": "/v2/features/instance",
    "organization": "/v2/features/organization/acme",
    "user": "/v2/features/user/bob",
}


class Server:
    """The server under test, called as one client or with one of its tokens."""

    def __init__(self, connection: http.client.HTTPConnection, authorization: str) -> None:
        self.connection = connection
        self.headers = {"Authorization": authorization}

    def allows(self, method: str, path: str, body: Any = None) -> bool:
        """Whether a request is answered; any answer but success and a refusal is a failure."""
        text = json.dumps(body) if body else None
        self.connection.request(method, path, text, self.headers)
        response = self.connection.getresponse()
        raw = response.read()
        if response.status in REFUSALS:
            return False
        assert 200 <= response.status < 300, (method, path, response.status, raw)
        if not path.startswith("/clients/"):
            return True
        answer = json.loads(raw)
        assert answer["stat"] == "ok" or answer["code"] in {402, 403}, answer
        return bool(answer["stat"] == "ok")


def cell_of(server: Server, column: str, cast: Cast) -> str:
    """Return the letters of the actions that are allowed in a column, a dot for each other."""
    requests: dict[str, tuple[str, str, Any]]
    if column in PATHS:
        path = PATHS[column]
        if column != "system":
            owner = {"instance": cast.instance, "organization": cast.acme, "user": cast.bob}
            set_features(owner[column], {"user_schema": True}, **BY)
        requests = {
            "r": ("GET", path, None),
            "e": ("GET", f"{path}?inheritance=true", None),
            "w": ("PUT", path, {"actions": True}),
            "d": ("DELETE", path, None),
        }
    elif column == "security":
        path = "/v2/settings/security"
        requests = {"r": ("GET", path, None), "w": ("PUT", path, {"enableImpersonation": True})}
    elif column == "clients":
        victim = make_client(cast.instance, description="victim").client.client_id
        renamed = urlencode({"for_client_id": victim, "description": "renamed"})
        doomed = urlencode({"client_id_for_deletion": victim})
        requests = {
            "r": ("GET", "/clients/list", None),
            "w": ("POST", f"/clients/set_description?{renamed}", None),
            "d": ("POST", f"/clients/delete?{doomed}", None),
        }
    else:
        token = issue_token(cast.carol, **BY).row
        requests = {
            "r": ("GET", "/api/v1/tokens", None),
            "w": ("POST", "/api/v1/tokens", {"user": "bob"}),
            "d": ("DELETE", f"/api/v1/tokens/{token.pk}", None),
        }
    return "".join(
        " " if action not in requests else action if server.allows(*requests[action]) else "."
        for action in ACTIONS
    )


def make_holder_of(cast: Cast, row: str) -> tuple[ApiClient, str]:
    """Make the client that a row is about; return it with its secret."""
    names, _, elsewhere = row.removeprefix("disabled ").partition(" from ")
    issued = make_client(cast.instance, *filter(None, names.split("+")), description=row or "none")
    if elsewhere:
        set_networks(issued.client, ELSEWHERE, **BY)
    if row.startswith("disabled"):
        disable_client(issued.client, **BY)
    return issued.client, issued.secret


@pytest.mark.once
def test_table__rows__have_each_client_feature():
    assert set(CLIENT_FEATURES) | {""} <= set(TABLE["rows"])
    assert all(len(row) == len(COLUMNS) for row in TABLE["rows"].values())


@pytest.mark.django_db(transaction=True)
def test_client_features__each_on_each_resource__permit_what_the_table_says(
    live_server, monkeypatch
):
    # The test server writes head and body apart; together with delayed acknowledgements that would
    # cost 40 ms a request.
    monkeypatch.setattr(QuietWSGIRequestHandler, "disable_nagle_algorithm", True)
    cast = make_cast("localhost")
    make_client(cast.instance, "owner", description="the owner who stays")
    by_secret: dict[str, list[str]] = {}
    by_token: dict[str, list[str]] = {}

    # One connection: the test server opens another to the database for each.
    address = urlsplit(live_server.url).netloc
    with closing(http.client.HTTPConnection(address, timeout=30)) as connection:
        for row in TABLE["rows"]:
            client, secret = make_holder_of(cast, row)
            pair = base64.b64encode(f"{client.client_id}:{secret}".encode()).decode()
            server = Server(connection, f"Basic {pair}")
            by_secret[row] = [cell_of(server, column, cast) for column in COLUMNS]
            if row in WITH_TOKENS:
                server = Server(connection, f"Bearer {issue_token(client, **BY).text}")
                by_token[row] = [cell_of(server, column, cast) for column in OF_TOKENS]

    assert by_secret == TABLE["rows"]
    expected = {row: dict(zip(COLUMNS, TABLE["rows"][row], strict=True)) for row in WITH_TOKENS}
    assert by_token == {
        row: [cells[column] for column in OF_TOKENS] for row, cells in expected.items()
    }


@pytest.mark.django_db
def test_client__of_one_instance__may_nothing_at_the_system(client):
    cast = make_cast()
    headers = basic(make_client(cast.instance, "owner"))
    body = {"bool": True}

    for path in ("/system/v1/instances/main/features/1", "/instances/main/features/1"):
        answer = client.put(path, body, content_type="application/json", headers=headers)

        assert answer.status_code == 403
