"""Plans made of files: CSV and JSON Lines as request bodies, and what they may be."""

import json

import pytest

from api import uploads
from api.views import plans
from features.models import StoredPlan
from tests.planning import caller
from tests.rest import assert_error

pytestmark = pytest.mark.django_db

CSV = (
    b"level,owner,feature,value,reason\nuser,bob,user_schema,on,asked for\nuser,carol,web_key,on,\n"
)
LINES = (
    b'{"level": "user", "owner": "bob", "feature": "user_schema", "value": true, "reason": "asked '
    b'for"}\n\n{"level": "user", "owner": "carol", "feature": "web_key", "value": true}\n'
)
TYPES = {"text/csv": CSV, "application/x-ndjson": LINES, "application/jsonl": LINES}


@pytest.fixture
def root(client, cast):
    return caller(client, cast.root)


@pytest.mark.parametrize("content_type", [*TYPES, "text/csv; charset=utf-8", "Text/CSV"])
def test_upload__a_file__is_planned_as_rows_are_with_its_own_lines(root, content_type):
    body = TYPES[content_type.partition(";")[0].lower()]

    made = root("POST", "plans", body, content_type=content_type)
    root("POST", f"plans/{made.json()['id']}/apply", {"reason": "roll-out"})

    assert made.status_code == 201
    shown = root("GET", f"plans/{made.json()['id']}/changes").json()["results"]
    first = 2 if body == CSV else 1
    assert [(one["row"], one["owner"], one["after"], one["reason"]) for one in shown] == [
        (first, "user:main/bob", True, "asked for"),
        (3, "user:main/carol", True, ""),
    ]
    events = root("GET", "events?type=features.set").json()["results"]
    assert [event["reason"] for event in events] == ["roll-out", "asked for"]


@pytest.mark.parametrize(
    ("content_type", "body", "said"),
    [
        ("text/csv", b"", "rows: is required"),
        ("text/csv", b"level,owner,feature,value\n", "must be 1 to"),
        ("text/csv", b"level,owner,value\nuser,bob,on\n", "missing columns: feature"),
        ("text/csv", CSV.replace(b"bob", b"b\xff"), "is not valid text"),
        ("text/csv", CSV.decode().encode("utf-16"), "UTF-16"),
        ("text/csv", CSV + b"user,bob\n", "has 2 columns instead of 5"),
        ("text/csv", b'{"rows": []}', "missing columns"),
        ("application/x-ndjson", b"\n", "empty"),
        ("application/x-ndjson", LINES + b"{", "is no JSON"),
        ("application/x-ndjson", LINES + b"7", "must be an object"),
        ("application/json", CSV, "is not JSON"),
    ],
)
def test_upload__bad_file__400_says_what_is_wrong_and_nothing_is_kept(
    root, content_type, body, said
):
    answer = root("POST", "plans", body, content_type=content_type)

    assert_error(answer, 400, 3, said)
    assert not StoredPlan.objects.exists()


def test_upload__bad_rows__are_named_by_their_lines(root):
    body = CSV + b"user,nobody,user_schema,on,\nuser,bob,user_schemo,on,\n"

    error = assert_error(root("POST", "plans", body, content_type="text/csv"), 400, 3)

    violations = error["details"][0]["fieldViolations"]
    assert [violation["field"] for violation in violations] == ["rows[4]", "rows[5]"]
    assert "did you mean" in violations[1]["description"]


def test_upload__many_errors__the_first_are_named_and_all_are_counted(root, monkeypatch):
    monkeypatch.setattr(plans, "SHOWN", 2)
    body = CSV + b"user,nobody,user_schema,on,\n" * 5

    error = assert_error(root("POST", "plans", body, content_type="text/csv"), 400, 3)

    assert [one["field"] for one in error["details"][0]["fieldViolations"]] == [
        *("rows[4]", "rows[5]", "rows")
    ]
    assert "5 errors, of which the first 2 are named" in error["message"]


@pytest.mark.parametrize("content_type", [*TYPES, "application/json"])
def test_plan__more_rows_than_are_taken__400(root, monkeypatch, content_type):
    monkeypatch.setattr(plans, "LARGEST", 1)
    rows = [json.loads(line) for line in LINES.splitlines() if line]
    body = TYPES.get(content_type) or json.dumps({"rows": rows}).encode()

    answer = root("POST", "plans", body, content_type=content_type)

    assert_error(answer, 400, 3, "rows: at most 1 rows: make several plans")


def test_plan__body_larger_than_is_taken__413(root, monkeypatch):
    monkeypatch.setattr(uploads, "MAX_UPLOAD", len(CSV) - 1)
    monkeypatch.setattr(uploads.LargeJsonParser, "max_body", 10)

    table = root("POST", "plans", CSV, content_type="text/csv")
    document = root("POST", "plans", {"rows": [1, 2, 3]})

    assert_error(table, 413, 3, f"larger than {len(CSV) - 1} bytes")
    assert_error(document, 413, 3, "larger than 10 bytes")


@pytest.mark.once
def test_plan__json_larger_than_other_bodies_may_be__is_taken(root):
    rows = [{"level": "user", "owner": "bob", "feature": "web_key", "value": True}] * 1000
    body = json.dumps({"rows": rows}, indent=100).encode()

    made = root("POST", "plans", body)

    assert len(body) > 1024 * 1024
    assert (made.status_code, made.json()["summary"]["changed"]) == (201, 1)
    assert made.json()["summary"]["unchanged"] == 999


def test_upload__under_a_key__the_same_file_is_one_plan_another_is_409(root):
    def post(body):
        key = {"Idempotency-Key": "k"}
        return root("POST", "plans", body, content_type="text/csv", **key)

    first, again, other = post(CSV), post(CSV), post(CSV.replace(b"on", b"off"))

    assert first.json() == again.json()
    assert_error(other, 409, 10, "another request")


def test_upload__where_json_belongs__400(root):
    plan = root("POST", "plans", CSV, content_type="text/csv").json()

    answer = root("POST", f"plans/{plan['id']}/apply", CSV, content_type="text/csv")

    assert_error(answer, 400, 3, "must be a JSON object")


def test_upload__without_any_right__is_refused_unread(client, cast):
    bob = caller(client, cast.bob)

    assert_error(bob("POST", "plans", CSV, content_type="text/csv"), 403, 7)
