"""NUL, which PostgreSQL cannot store: refused in parameters, ids and bodies, on both alike."""

from dataclasses import replace
from uuid import uuid4

import pytest

from events.models import Event
from features.services import set_features
from tenancy.models import Organization
from tests.factories import ORIGIN, TESTER, make_cast, token_for

NUL = "%00"
RESOURCES = (
    *("instances", "organizations", "users", "memberships", "tokens"),
    *("features", "overrides", "events"),
)


@pytest.fixture
def call(client, db):
    headers = {"Authorization": f"Bearer {token_for(make_cast().root)}"}

    def send(method, path, body=None):
        return client.generic(
            method, path, body or b"", content_type="application/json", headers=headers
        )

    return send


@pytest.mark.parametrize("name", ["q", "client", "user", "owner", "cursor", "name", "inheritance"])
@pytest.mark.parametrize("resource", RESOURCES)
def test_parameter__with_nul__is_a_bad_request(call, resource, name):
    response = call("GET", f"/api/v1/{resource}?{name}=a{NUL}")

    assert response.status_code == 400, response.content
    assert name in response.json()["message"]


@pytest.mark.parametrize("resource", RESOURCES)
def test_id_in_the_path__with_nul__is_nobodys(call, resource):
    assert call("GET", f"/api/v1/{resource}/a{NUL}").status_code in {400, 404, 405}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("tokens", b'{"user": "a\\u0000"}'),
        ("tokens", b'{"client": "a\\u0000"}'),
        ("tokens", b'{"user": "alice", "description": "a\\u0000"}'),
        ("memberships", b'{"user": "a\\u0000", "role": "IAM_OWNER", "owner": "instance:main"}'),
        ("memberships", b'{"user": "bob", "role": "IAM_OWNER", "owner": "instance:a\\u0000"}'),
        ("users", b'{"organization": "a\\u0000", "username": "x"}'),
        ("users", b'{"organization": "acme", "username": "a\\u0000"}'),
        ("users", b'{"organization": "acme", "username": "x", "name": "a\\u0000"}'),
        ("organizations", b'{"name": "a\\u0000"}'),
        ("instances", b'{"name": "a", "domains": ["a\\u0000.example"]}'),
        ("features", b'{"key": "a\\u0000", "kind": "boolean", "default": false}'),
        ("features", b'{"key": "ab", "name": "a\\u0000", "kind": "boolean", "default": false}'),
        ("features", b'{"key": "ab", "kind": "string", "default": "a\\u0000"}'),
        ("features", b'{"key": "ab", "kind": "choice", "choices": ["a\\u0000"], "default": "a"}'),
        ("locks", b'{"owner": "organization:a\\u0000", "feature": "actions"}'),
        ("locks", b'{"owner": "organization:acme", "feature": "a\\u0000"}'),
    ],
)
def test_text_in_a_body__with_nul__is_a_bad_request(call, path, body):
    response = call("POST", f"/api/v1/{path}", body)

    assert response.status_code in {400, 404}, response.content


@pytest.mark.parametrize("what", ["events", "runs"])
def test_undo__reason_with_nul__is_a_bad_request(call, what):
    run = uuid4()
    acme = Organization.objects.get(public_id="acme")
    set_features(acme, {"actions": True}, actor=TESTER, origin=replace(ORIGIN, run=run))
    subject = run if what == "runs" else Event.objects.get(subject="actions").pk

    response = call("POST", f"/api/v1/{what}/{subject}/undo", b'{"reason": "a\\u0000"}')

    assert response.status_code == 400, response.content
    assert "reason" in response.json()["message"]
