"""What is no message and no call over the binary transports, and how it is refused."""

import gzip
import io
import struct

import pytest

from tests.factories import token_for
from tests.rpc_posts import (
    GET,
    GRPC_WEB,
    JSON,
    MEBIBYTE,
    PROTO,
    SERVICE,
    SET,
    frame,
    post,
    trailers_of,
    written,
)

pytestmark = [pytest.mark.django_db, pytest.mark.once]


@pytest.fixture
def token(cast):
    return token_for(cast.root)


@pytest.mark.parametrize(
    ("body", "form", "says"),
    [
        (b'{"actions": tr', JSON, "the body is not JSON"),
        (b'{"actions": true, "actions": false}', JSON, 'the key "actions" comes twice'),
        (b'{"features": {"x": "\xff"}}', JSON, "the body is not UTF-8"),
        (b"[]", JSON, "must be a JSON object"),
        (b'{"features": []}', JSON, "No changes"),
        (b'{"features": 7}', JSON, "must be an object, not an integer"),
        (b"\x08", PROTO, "is not a zitadel.feature.v2.SetInstanceFeaturesRequest"),
        (b"\xc2\x3e\x05\x0a\x01\xff\x12\x00", PROTO, "is not a zitadel.feature.v2."),
        (b"\xff" * 20, PROTO, "is not a zitadel.feature.v2."),
    ],
)
def test_connect__body_that_is_no_message__is_an_invalid_argument(client, token, body, form, says):
    answer = post(client, SET, body, token, form)

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_argument")
    assert says in answer.json()["message"]
    assert written() == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (frame(b"\x08\x01")[:-1], 3),  # ends before its announced length
        (b"\x00\x00", 3),  # ends within the announcement
        (b"", 12),  # no message
        (frame(b"\x08\x01") * 2, 12),  # two messages
        (frame(b"\x08\x01", flags=8), 3),  # unknown flags
        (struct.pack(">BI", 0, 4 * MEBIBYTE + 1), 8),
        (frame(b"\x08\x01", flags=1), 13),  # compressed, says nobody how
    ],
)
def test_grpc_web__broken_frames__end_with_a_status(client, token, body, status):
    answer = post(client, SET, body, token, GRPC_WEB)

    assert (answer.status_code, trailers_of(answer)[0]) == (200, status)
    assert written() == []


@pytest.mark.parametrize("size", [MEBIBYTE + 1, 4 * MEBIBYTE + 1])
def test_connect__oversized_json__is_refused(client, token, size):
    body = b'{"features": {"x": "' + b"x" * size + b'"}}'

    answer = post(client, SET, body, token)

    expected = (400, "invalid_argument") if size < 4 * MEBIBYTE else (429, "resource_exhausted")
    assert (answer.status_code, answer.json()["code"]) == expected


@pytest.mark.parametrize(
    ("form", "header", "wrap"),
    [(PROTO, "Content_Encoding", bytes), (GRPC_WEB, "Grpc_Encoding", lambda raw: frame(raw, 1))],
)
def test_compression__bomb__is_not_unpacked(client, token, form, header, wrap):
    bomb = gzip.compress(b"\0" * 64 * MEBIBYTE)

    answer = post(client, SET, wrap(bomb), token, form, **{header: "gzip"})

    if form == PROTO:
        assert (answer.status_code, answer.json()["code"]) == (429, "resource_exhausted")
    else:
        assert trailers_of(answer)[0] == 8


@pytest.mark.parametrize(
    ("body", "encoding", "status"),
    [
        (gzip.compress(b'{"actions": true}'), "gzip", 200),
        (gzip.compress(b'{"actions": true}')[:-9], "gzip", 400),
        (b'{"actions": true}', "gzip", 400),
        (b'{"actions": true}', "br", 501),
    ],
)
def test_compression__of_a_request__is_gzip_or_refused(client, token, body, encoding, status):
    answer = post(client, SET, body, token, Content_Encoding=encoding)

    assert answer.status_code == status
    assert len(written()) == (status == 200)


@pytest.mark.parametrize(
    "form",
    ["text/plain", "", "application/x-www-form-urlencoded", "application/xml", "application/grpc",
     "application/grpc+proto", "application/grpc-web+thrift", "application/connect+xml"],
)  # fmt: skip
def test_content_type__unknown_or_without_trailers__is_415(client, token, form):
    answer = post(client, SET, {"actions": True}, token, form)

    assert (answer.status_code, written()) == (415, [])


@pytest.mark.parametrize("verb", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_verb__other_than_post__is_405(client, token, verb):
    headers = {"Authorization": f"Bearer {token}"}
    answer = client.generic(verb, SET, b"{}", JSON, headers=headers)

    assert (answer.status_code, answer["Allow"], written()) == (405, "POST", [])


@pytest.mark.parametrize(
    "path",
    [
        f"{SERVICE}/SetEverything",
        f"{SERVICE}/setinstancefeatures",
        "/zitadel.feature.v3.FeatureService/SetInstanceFeatures",
        "/grpc.health.v1.Health/Watch",
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    ],
)
def test_method__unknown__is_unimplemented(client, path):
    connect = post(client, path)
    web = post(client, path, frame(b""), form=GRPC_WEB)

    assert (connect.status_code, connect.json()["code"]) == (501, "unimplemented")
    assert trailers_of(web)[0] == 12


@pytest.mark.parametrize(
    ("header", "value", "code"),
    [
        ("Connect_Timeout_Ms", "0", "deadline_exceeded"),
        ("Connect_Timeout_Ms", "soon", "invalid_argument"),
        ("Connect_Protocol_Version", "2", "invalid_argument"),
    ],
)
def test_metadata__deadline_passed_or_malformed__does_nothing(client, token, header, value, code):
    answer = post(client, SET, {"actions": True}, token, **{header: value})

    assert (answer.json()["code"], written()) == (code, [])


@pytest.mark.parametrize("authorization", ["Bearer", "Bearer a b", "Digest x", "Bearer ☃"])
def test_metadata__malformed_authorization__is_unauthenticated(client, cast, authorization):
    encoded = authorization.encode().decode("latin-1")
    answer = post(client, GET, {}, Authorization=encoded)

    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


@pytest.mark.parametrize(("path", "status"), [(SET, 401), (f"{SERVICE}/Nonsense", 501)])
def test_message__of_nobody_or_for_nothing__is_not_read(client, cast, path, status):
    class Endless(io.BytesIO):
        def read(self, size=-1):
            raise AssertionError("waited for a client that has nothing to say")

    always = {"CONTENT_TYPE": JSON, "CONTENT_LENGTH": "9", "wsgi.input": Endless()}
    answer = client.generic("POST", path, b"", JSON, **always)

    assert answer.status_code == status


def test_unexpected_error__says_nothing_of_the_inside(client, token, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("a secret of the inside")

    monkeypatch.setattr("rpc.servicers.get_features", fail)

    answer = post(client, GET, {"inheritance": True}, token)

    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert answer.json()["message"] == f"internal error; request id {answer['X-Request-Id']}"
