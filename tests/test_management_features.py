"""The management API for definitions, overrides, locks, events and undo."""

import pytest

from access.permissions import Role
from events.models import Event
from features.models import Feature
from features.services import set_features
from tenancy.models import System
from tenancy.services import create_instance
from tests.factories import BY, make_feature, make_holder, token_for
from tests.rest import assert_error, send

pytestmark = pytest.mark.django_db


@pytest.fixture
def root(client, cast):
    return caller(client, cast.root)


def caller(client, user):
    token = token_for(user)

    def call(verb, path, body=None, **headers):
        return send(client, verb, f"/api/v1/{path}", body, token, **headers)

    return call


def test_definition__life__defined_edited_archived_restored_and_each_recorded(root):
    body = {"key": "dark_mode", "kind": "boolean", "default": False}

    made = root("POST", "features", body)
    edited = root("PATCH", "features/dark_mode", {"enabled": False}, **{"If-Match": made["ETag"]})
    archived = root("POST", "features/dark_mode/archive")
    restored = root("POST", "features/dark_mode/restore")

    assert (made.status_code, made.json()["json_name"]) == (201, "darkMode")
    assert edited.json()["enabled"] is False
    assert archived.json()["archived"]
    assert restored.json()["archived"] is None
    types = Event.objects.filter(stream__kind="definition").order_by("pk")
    assert [event.type.split(".")[1] for event in types] == [
        *("created", "changed", "archived", "restored")
    ]


def test_definition__edited_from_an_older_state__412(root):
    tag = root("GET", "features/user_schema")["ETag"]
    root("PATCH", "features/user_schema", {"enabled": False})

    answer = root("PATCH", "features/user_schema", {"enabled": True}, **{"If-Match": tag})

    assert_error(answer, 412, 10)


def test_definition__kind_changed_while_set__refused_with_the_count(root, cast):
    make_feature("dark_mode")
    for owner in (cast.acme, cast.bob):
        set_features(owner, {"dark_mode": True}, **BY)

    answer = root("PATCH", "features/dark_mode", {"kind": "string", "default": ""})

    assert_error(answer, 400, 3, "2 owners set a value of kind boolean")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"key": "x", "kind": "integer", "default": "1"}, "default"),
        ({"key": "x", "kind": "bool", "default": True}, "kind"),
        ({"key": "X", "kind": "boolean", "default": True}, "key"),
        ({"key": 7, "kind": "boolean", "default": True}, "key"),
        ({"key": "x", "kind": "boolean", "default": True, "levels": []}, "levels"),
        ({"key": "x", "kind": "boolean", "default": True, "expires_on": "soon"}, "expires_on"),
        ({"key": "x", "kind": "boolean", "default": True, "owner": "me"}, "owner"),
        ({"kind": "boolean", "default": True}, "key"),
        (
            {
                "key": "x",
                "kind": "object",
                "options": {"schema": {"type": "object", "required": ["a"]}},
                "default": {},
            },
            "default.a",
        ),
    ],
)
def test_define__bad_field__is_named_and_nothing_written(root, body, field):
    answer = root("POST", "features", body)

    violations = assert_error(answer, 400, 3)["details"][0]["fieldViolations"]
    assert field in {violation["field"] for violation in violations}
    assert not Feature.objects.filter(builtin=False).exists()


def test_definitions__plain_user__reads_and_changes_none(client, cast):
    bob = caller(client, cast.bob)

    assert bob("GET", "features?limit=3").json()["next"]
    assert bob("GET", "features/user_schema").status_code == 200
    assert_error(bob("PATCH", "features/user_schema", {"enabled": False}), 403, 7, "definition")


def test_overrides__all_levels__pages_follow_one_another(root, cast):
    feature = {"user_schema": True}
    for owner in (System(), cast.instance, cast.acme, cast.globex, cast.bob, cast.carol):
        set_features(owner, feature, **BY)

    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = root("GET", f"overrides?limit=2&cursor={cursor}").json()
        seen += [row["owner"] for row in page["results"]]
        cursor = page["next"]

    assert seen == [
        *("system", "instance:main", "organization:main/acme", "organization:main/globex"),
        *("user:main/bob", "user:main/carol"),
    ]


def test_overrides__own_one_of_two__sees_nothing_of_the_other(client, cast):
    other = create_instance("Other", domains=["other.example"])
    for owner in (cast.acme, cast.globex, cast.bob, cast.carol, other, System()):
        set_features(owner, {"user_schema": True}, **BY)

    rows = caller(client, cast.alice)("GET", "overrides").json()["results"]

    assert [row["owner"] for row in rows] == ["organization:main/acme", "user:main/bob"]


@pytest.mark.parametrize(
    ("query", "owners"),
    [
        ("level=user", ["user:main/bob"]),
        ("owner=organization:acme", ["organization:main/acme"]),
        ("feature=userSchema&level=organization", ["organization:main/acme"]),
        ("feature=web_key", []),
        ("locked=true", []),
    ],
)
def test_overrides__filtered__only_those(root, cast, query, owners):
    for owner in (cast.acme, cast.bob):
        set_features(owner, {"user_schema": True}, **BY)

    rows = root("GET", f"overrides?{query}").json()["results"]

    assert [row["owner"] for row in rows] == owners


@pytest.mark.parametrize(
    "query",
    ["level=team", "owner=acme", "locked=yes", "cursor=x", "limit=0", "order=value", "feature=x"],
)
def test_overrides__bad_parameter__400(root, query):
    assert root("GET", f"overrides?{query}").status_code == 400


def test_lock__below_it__the_feature_cannot_be_set(root, cast):
    set_features(cast.instance, {"user_schema": True}, **BY)
    lock = {"owner": "instance", "feature": "user_schema", "locked": True}

    answer = root("POST", "locks", lock)
    below = root("POST", "plans", {"rows": [row("bob", False)]})
    root("POST", "locks", lock | {"locked": False})

    assert answer.json()["details"]["sequence"] == "2"
    assert_error(below, 400, 3, "locked")
    assert root("POST", "plans", {"rows": [row("bob", False)]}).status_code == 201


def test_lock__without_write_permission__403(client, cast):
    viewer = caller(client, make_holder(Role.ORG_OWNER_VIEWER, cast.acme))
    lock = {"owner": "organization:acme", "feature": "user_schema", "locked": True}

    assert_error(viewer("POST", "locks", lock), 403, 7, "org.feature.write")


def row(owner, value, feature="user_schema"):
    return {"level": "user", "owner": owner, "feature": feature, "value": value}


def test_undo__event__restores_and_is_looked_at_first(root, cast):
    set_features(cast.bob, {"user_schema": True}, **BY)
    event = root("GET", "events?owner=user:bob").json()["results"][0]

    looked = root("POST", f"events/{event['id']}/undo", {"dry_run": True}).json()
    done = root("POST", f"events/{event['id']}/undo", {"seen": looked["seen"]}).json()

    assert (looked["changes"][0]["before"], looked["changes"][0]["after"]) == (True, None)
    assert done["summary"]["changed"] == 1
    assert root("GET", "overrides?owner=user:bob").json()["results"] == []


def test_undo__run__takes_all_of_it_back_and_leaves_what_moved_on(root, cast):
    rows = [row("bob", True), row("carol", True)]
    plan = root("POST", "plans", {"rows": rows}).json()["id"]
    run = root("POST", f"plans/{plan}/apply").json()["run"]
    set_features(cast.carol, {"user_schema": False}, **BY)

    done = root("POST", f"runs/{run}/undo").json()

    assert (done["summary"]["changed"], len(done["errors"])) == (1, 1)
    left = root("GET", "overrides?level=user").json()["results"]
    assert [(one["owner"], one["value"]) for one in left] == [("user:main/carol", False)]


def test_undo__of_what_one_may_only_see__403(client, cast):
    set_features(cast.bob, {"user_schema": True}, **BY)
    viewer = caller(client, make_holder(Role.ORG_OWNER_VIEWER, cast.acme))
    event = Event.objects.get(type="features.set")

    assert_error(viewer("POST", f"events/{event.pk}/undo"), 403, 7, "user.feature.write")


def test_events__filters__narrow_and_unknown_ones_are_named(root, cast):
    set_features(cast.bob, {"user_schema": True}, **BY)
    set_features(cast.carol, {"web_key": True}, **BY)

    def subjects(query):
        rows = root("GET", f"events?{query}").json()["results"]
        return [one["subject"] for one in rows if one["type"] == "features.set"]

    assert subjects("order=created") == ["user_schema", "web_key"]
    assert subjects("feature=web_key") == ["web_key"]
    assert subjects("owner=user:bob") == ["user_schema"]
    assert subjects("actor=tester&type=features.set") == ["web_key", "user_schema"]
    assert subjects("since=2100-01-01T00:00:00Z") == []
    assert subjects("until=2100-01-01T00:00:00Z") == ["web_key", "user_schema"]
    assert_error(root("GET", "events?subject=x"), 400, 3, "subject")
    assert_error(root("GET", "events?since=today"), 400, 3, "since")
    assert_error(root("GET", "events?run=7"), 400, 3, "run")


def test_events__of_another_organization__do_not_exist(client, cast):
    set_features(cast.carol, {"user_schema": True}, **BY)
    event = Event.objects.get(type="features.set")
    alice = caller(client, cast.alice)

    assert alice("GET", "events?owner=user:carol").json()["results"] == []
    assert_error(alice("GET", f"events/{event.pk}"), 404, 5)
    assert_error(alice("POST", f"events/{event.pk}/undo"), 404, 5)


@pytest.mark.parametrize("path", ["organizations/acme", "users/bob", "features/none"])
def test_if_match__of_what_is_gone__404(root, cast, path):
    if path == "organizations/acme":
        cast.bob.delete()
        cast.alice.delete()
    root("DELETE", path)

    answer = root("PATCH", path, {"name": "x"}, **{"If-Match": '"h"'})

    assert_error(answer, 404, 5)
