"""Bulk plans over the API: made from rows, looked at, applied as they were shown."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from access.permissions import Role
from events.models import Event, Run
from features.models import StoredChange, StoredPlan, UserOverride
from features.services import lock_feature, set_features
from tenancy.models import Organization, System
from tenancy.services import create_instance, create_user
from tests.factories import BY, change_feature, make_feature, make_holder
from tests.planning import caller, make_plan, make_users, row
from tests.rest import assert_error

pytestmark = pytest.mark.django_db


@pytest.fixture
def root(client, cast):
    return caller(client, cast.root)


def test_plan__made__is_kept_and_changes_nothing_yet(root):
    made = root("POST", "plans", {"rows": [row("bob", True), row("carol", None)]})

    plan = made.json()
    assert made.status_code == 201, plan
    assert made["Location"] == f"/api/v1/plans/{plan['id']}"
    assert (plan["state"], plan["run"], plan["actor"]["id"]) == ("ready", None, "root")
    assert plan["summary"] == {
        **{"changed": 1, "unchanged": 1, "errors": 0, "owners": 1, "levels": {"user": 1}}
    }
    assert plan["progress"] == {"done": 0, "total": 1, "left_out": 0}
    assert root("GET", f"plans/{plan['id']}").json() == plan
    assert not Event.objects.filter(type="features.set").exists()


def test_plan__applied__does_exactly_what_was_shown_in_one_run(root):
    plan = make_plan(root, row("bob", True), row("carol", True))

    shown = root("GET", f"plans/{plan['id']}/changes").json()["results"]
    done = root("POST", f"plans/{plan['id']}/apply", {"reason": "go"})

    assert [(c["row"], c["owner"], c["before"], c["after"]) for c in shown] == [
        (0, "user:main/bob", None, True),
        (1, "user:main/carol", None, True),
    ]
    assert (done.status_code, done.json()["state"]) == (200, "applied")
    assert done.json()["progress"] == {"done": 2, "total": 2, "left_out": 0}
    run = root("GET", f"runs/{done.json()['run']}").json()
    assert (run["state"], run["changed"], run["reason"]) == ("done", 2, "go")
    events = Event.objects.filter(type="features.set")
    assert {(str(e.run), e.reason, e.surface) for e in events} == {(run["id"], "go", "api")}


def test_plan__applied_twice__is_one_run(root):
    plan = make_plan(root, row("bob", True))

    first = root("POST", f"plans/{plan['id']}/apply").json()
    second = root("POST", f"plans/{plan['id']}/apply")

    assert (second.status_code, second.json()) == (200, first)
    assert Run.objects.count() == 1


def test_plan__with_nothing_to_change__is_applied_without_a_run(root):
    plan = make_plan(root, row("bob", None))

    done = root("POST", f"plans/{plan['id']}/apply").json()

    assert (done["state"], done["run"]) == ("applied", None)
    assert not Run.objects.exists()


@pytest.mark.parametrize("key", [{}, {"Idempotency-Key": "k"}])
def test_plan__an_owner_moved_on__412_names_it_and_nothing_is_written(root, cast, key):
    plan = make_plan(root, row("carol", True), row("bob", True))
    set_features(cast.bob, {"web_key": True}, **BY)

    answer = root("POST", f"plans/{plan['id']}/apply", **key)

    error = assert_error(answer, 412, 10, "has moved on")
    (violation,) = error["details"][0]["fieldViolations"]
    assert (violation["field"], "stands at 1" in violation["description"]) == ("rows[1]", True)
    after = root("GET", f"plans/{plan['id']}").json()
    assert (after["state"], after["run"], len(after["problems"])) == ("stale", None, 1)
    assert not UserOverride.objects.filter(feature__key="user_schema").exists()
    assert_error(root("POST", f"plans/{plan['id']}/apply"), 412, 10)


def test_plan__locked_above_meanwhile__412(root, cast):
    plan = make_plan(root, row("bob", True))
    set_features(cast.acme, {"user_schema": False}, **BY)
    lock_feature(cast.acme, "user_schema", **BY)

    answer = root("POST", f"plans/{plan['id']}/apply")

    assert_error(answer, 412, 10, "locked at organization level")


@pytest.mark.parametrize(
    "change", [{"stage": "retired"}, {"archived_at": timezone.now()}, {"kind": "string"}]
)
def test_plan__definition_changed_meanwhile__412(root, change):
    make_feature("dark_mode")
    plan = make_plan(root, row("bob", True, "dark_mode"), row("bob", True))
    change_feature("dark_mode", **change)

    assert_error(root("POST", f"plans/{plan['id']}/apply"), 412, 10, "moved on")
    assert not UserOverride.objects.exists()


def test_plan__bad_rows__are_named_and_no_plan_is_made(root):
    rows = [row("bob", True), row("nobody", True), row("carol", "yes"), {"level": "user"}, 7]

    error = assert_error(root("POST", "plans", {"rows": rows}), 400, 3)

    named = {violation["field"] for violation in error["details"][0]["fieldViolations"]}
    assert named == {"rows[1]", "rows[2]", "rows[3]", "rows[4]"}
    assert not StoredPlan.objects.exists()


def test_plan__bad_rows_to_be_left_out__are_listed_and_the_others_applied(root):
    rows = [row("bob", True), row("nobody", True)]

    plan = root("POST", "plans?continue_on_error=true", {"rows": rows}).json()
    done = root("POST", f"plans/{plan['id']}/apply").json()

    assert plan["summary"]["errors"] == 1
    assert [(one["row"], one["code"]) for one in plan["problems"]] == [(1, "unknown_owner")]
    assert (done["state"], UserOverride.objects.count()) == ("applied", 1)


@pytest.mark.parametrize(
    "body",
    [{}, {"rows": None}, {"rows": []}, {"rows": {}}, {"rows": [row("bob", True)], "dry_run": True}],
)
def test_plan__of_no_rows__400(root, body):
    assert_error(root("POST", "plans", body), 400, 3)


@pytest.mark.parametrize("query", ["continue_on_error=yes", "dry_run=true"])
def test_plan__bad_parameter__400(root, query):
    answer = root("POST", f"plans?{query}", {"rows": [row("bob", True)]})

    assert_error(answer, 400, 3, query.partition("=")[0])


@pytest.mark.parametrize(
    "body", [{"batch_size": -1}, {"batch_size": "5"}, {"reason": 7}, {"seen": "x"}]
)
def test_apply__bad_order__400_and_nothing_written(root, body):
    plan = make_plan(root, row("bob", True))

    assert_error(root("POST", f"plans/{plan['id']}/apply", body), 400, 3, next(iter(body)))
    assert not UserOverride.objects.exists()


def test_plan__with_a_key__twice_is_one_plan_and_one_run(root):
    body, key = {"rows": [row("bob", True)]}, {"Idempotency-Key": "k"}

    first, again = (root("POST", "plans", body, **key) for _ in range(2))
    path = f"plans/{first.json()['id']}/apply"
    done, repeated = (root("POST", path, **{"Idempotency-Key": "a"}) for _ in range(2))

    assert (first.json(), first["Location"]) == (again.json(), again["Location"])
    assert done.json() == repeated.json()
    assert (StoredPlan.objects.count(), Run.objects.count()) == (1, 1)


def test_plan__tags__tell_its_states_apart(root):
    plan = make_plan(root, row("bob", True))
    path = f"plans/{plan['id']}"
    ready = root("GET", path)["ETag"]

    same = root("GET", path, **{"If-None-Match": ready})
    done = root("POST", f"{path}/apply", **{"If-Match": ready})
    late = root("DELETE", path, **{"If-Match": ready})

    assert (same.status_code, done.status_code) == (304, 200)
    assert_error(late, 412, 10)
    assert root("DELETE", path, **{"If-Match": done["ETag"]}).status_code == 204


def test_plan__discarded__is_gone_with_its_changes(root):
    plan = make_plan(root, row("bob", True))

    assert root("DELETE", f"plans/{plan['id']}").status_code == 204

    assert root("GET", f"plans/{plan['id']}").status_code == 404
    assert_error(root("POST", f"plans/{plan['id']}/apply"), 404, 5)
    assert not StoredChange.objects.exists()


def test_plans__listed__newest_first_without_what_names_owners(root):
    plans = [make_plan(root, row("bob", True))["id"] for _ in range(3)]

    first = root("GET", "plans?limit=2").json()
    rest = root("GET", f"plans?limit=2&cursor={first['next']}").json()

    assert [one["id"] for one in first["results"] + rest["results"]] == plans[::-1]
    assert rest["next"] is None
    assert "problems" not in first["results"][0]


def test_changes__many__come_page_by_page_each_once(root, cast):
    names = make_users(cast, 7)
    plan = make_plan(root, *(row(name, True) for name in names))
    path = f"plans/{plan['id']}/changes?limit=3"
    pages = [root("GET", path).json()]
    while cursor := pages[-1]["next"]:
        pages.append(root("GET", f"{path}&cursor={cursor}").json())

    assert [one["row"] for page in pages for one in page["results"]] == list(range(7))
    assert_error(root("GET", f"{path}&level=user"), 400, 3, "level")
    assert_error(root("GET", f"{path}&cursor=x"), 400, 3, "cursor")


def test_plan__expired__is_refused_and_swept_a_day_later(root):
    plan = make_plan(root, row("bob", True))
    now = timezone.now()

    with time_machine.travel(now + timedelta(days=1, minutes=1)):
        state = root("GET", f"plans/{plan['id']}").json()["state"]
        refused = root("POST", f"plans/{plan['id']}/apply")
    with time_machine.travel(now + timedelta(days=2, minutes=1)):
        make_plan(root, row("carol", True))

    assert state == "expired"
    assert_error(refused, 412, 10, "expired")
    assert [change.owner for change in StoredChange.objects.all()] == ["carol"]


def test_plans__very_many__are_refused_until_some_are_deleted(root, monkeypatch):
    monkeypatch.setattr("features.bulk.stored.MOST_PLANS", 1)
    plan = make_plan(root, row("bob", True))

    refused = root("POST", "plans", {"rows": [row("carol", True)]})
    root("DELETE", f"plans/{plan['id']}")

    assert_error(refused, 409, 10, "delete some")
    make_plan(root, row("carol", True))


def test_plans__very_many__the_oldest_applied_one_makes_room(root, monkeypatch):
    monkeypatch.setattr("features.bulk.stored.MOST_PLANS", 2)
    oldest, applied = (make_plan(root, row("bob", True))["id"] for _ in range(2))
    root("POST", f"plans/{applied}/apply")

    latest = make_plan(root, row("carol", True))["id"]

    assert [plan["id"] for plan in root("GET", "plans").json()["results"]] == [latest, oldest]


def test_plan__several_things_wrong_in_one_row__are_all_named(root):
    bad = {"level": "team", "owner": "bob", "feature": "nothing_like_it", "value": True}

    error = assert_error(root("POST", "plans", {"rows": [bad]}), 400, 3)

    violations = error["details"][0]["fieldViolations"]
    assert [violation["field"] for violation in violations] == ["rows[0]"] * 2


def test_plan__rows_that_take_values_above_and_below__keep_to_the_order_of_levels(root, cast):
    plan = make_plan(
        root,
        row("bob", True),
        row("acme", True, level="organization"),
        row("", True, level="instance"),
        row("", True, level="system"),
    )

    shown = root("GET", f"plans/{plan['id']}/changes").json()["results"]
    root("POST", f"plans/{plan['id']}/apply")

    assert [(one["level"], one["owner"]) for one in shown] == [
        ("system", "system"),
        ("instance", "instance:main"),
        ("organization", "organization:main/acme"),
        ("user", "user:main/bob"),
    ]
    owners = root("GET", "overrides?feature=user_schema").json()["results"]
    assert [one["owner"] for one in owners] == [one["owner"] for one in shown]


@pytest.mark.parametrize("owner", ["bob", "main/bob", "user:bob", "user:main/bob"])
def test_plan__an_owner_in_any_spelling__is_that_owner(root, owner):
    plan = make_plan(root, row(owner, True))

    (change,) = root("GET", f"plans/{plan['id']}/changes").json()["results"]

    assert change["owner"] == "user:main/bob"


def test_plan__rows_of_another_instance__unknown(root):
    other = create_instance("Other", public_id="other", domains=["other.example"])
    create_user(Organization.objects.create(instance=other, name="x"), "eve", public_id="eve")
    instance = row("other", True, level="instance")

    for one in (row("other/eve", True), row("eve", True), row("root", True), instance):
        assert_error(root("POST", "plans", {"rows": [one]}), 400, 3, "there is no")


def test_plan__of_another_host__is_not_there(client, root, cast):
    plan = make_plan(root, row("bob", True))
    create_instance("Other", public_id="other", domains=["other.example"])

    answer = root("GET", f"plans/{plan['id']}", host="other.example")

    assert_error(answer, 404, 5)


def test_plan__system_and_definitions__need_their_own_permission(client, cast):
    owner = caller(client, make_holder(Role.IAM_OWNER, cast.instance))

    assert_error(
        owner("POST", "plans", {"rows": [row("", True, level="system")]}), 403, 7, "system.feature"
    )
    assert System.objects.get().overrides.count() == 0
