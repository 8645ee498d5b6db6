"""Requests that Django's handler reads wrongly arrive at the real application as meant."""

import io
import json

import pytest
from django.core.signals import request_started
from django.db import close_old_connections

from config.edge import MAX_UNANNOUNCED
from config.wsgi import application
from tests.factories import make_cast, token_for

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _connection_stays_open():
    """Keep the connection, in whose transaction a test lives, when a request begins."""
    request_started.disconnect(close_old_connections)
    yield
    request_started.connect(close_old_connections)


def call(method, path, token, body=b"", **environ):
    """Call the WSGI application as a server does; return the status and the JSON answered."""
    heads = []
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "80",
        "HTTP_HOST": "testserver",
        "HTTP_AUTHORIZATION": f"Bearer {token}",
        "REMOTE_ADDR": "203.0.113.9",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
    } | environ
    chunks = application(environ, lambda status, headers: heads.append((status, headers)))
    content = b"".join(chunks)
    assert dict(heads[0][1])["Content-Type"] == "application/json"
    return int(heads[0][0].split()[0]), json.loads(content)


@pytest.fixture
def token():
    return token_for(make_cast().root)


@pytest.mark.parametrize("length", [{}, {"CONTENT_LENGTH": ""}])
def test_body__without_a_length__is_read(token, length):
    status, _ = call("PUT", "/v2/features/system", token, b'{"actions": true}', **length)

    assert status == 200
    assert call("GET", "/v2/features/system", token)[1]["actions"]["enabled"] is True


def test_body__without_a_length_or_end__is_413_after_a_bounded_read(token):
    class Endless(io.RawIOBase):
        given = 0

        def read(self, size=-1):
            assert size > 0
            self.given += size
            return b" " * size

    endless = Endless()

    status, body = call("PUT", "/v2/features/system", token, **{"wsgi.input": endless})

    assert (status, body["code"]) == (413, 3)
    assert endless.given <= MAX_UNANNOUNCED


def test_body__of_a_delete__may_be_absent(token):
    assert call("DELETE", "/v2/features/system", token)[0] == 200


def test_body__of_a_read__is_not_waited_for(token):
    class Silent(io.RawIOBase):
        def read(self, size=-1):
            raise AssertionError("a server would wait here for what never comes")

    query = {"QUERY_STRING": "inheritance=1", "wsgi.input": Silent()}

    assert call("GET", "/v2/features/system", token, **query)[0] == 200


@pytest.mark.parametrize(
    "content_type",
    ["a/b;x*=a''b", "a/b; charset=hex", "a/b; charset=nonsense", ";", "\xff;=\xff"],
)
def test_content_type__that_cannot_be_read__does_not_matter(token, content_type):
    body = b'{"actions": true}'
    length = {"CONTENT_LENGTH": str(len(body)), "CONTENT_TYPE": content_type}

    status, _ = call("PUT", "/v2/features/system", token, body, **length)
    read, _ = call("GET", "/v2/features/system", token, CONTENT_TYPE=content_type)

    assert (status, read) == (200, 200)


TABLE = b"level,owner,feature,value\nuser,bob,user_schema,on\n"


@pytest.mark.parametrize(
    ("body", "length", "status", "said"),
    [
        (TABLE, "", 201, ""),
        (TABLE + b"\n" * MAX_UNANNOUNCED, "", 413, "with a Content-Length"),
        (TABLE, str(len(TABLE) + 10), 400, "ended before its announced length"),
    ],
)
def test_upload__cut_on_its_way__is_never_taken_for_the_whole(token, body, length, status, said):
    headers = {"CONTENT_LENGTH": length, "CONTENT_TYPE": "text/csv"}

    answered, answer = call("POST", "/api/v1/plans", token, body, **headers)

    assert (answered, said in str(answer)) == (status, True)
