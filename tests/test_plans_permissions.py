"""Whose plans, and of whom: each caller within what the policy lets them change."""

from uuid import uuid4

import pytest

from access.models import Membership
from access.permissions import Role
from access.services import grant_role, revoke_role
from features.models import UserOverride
from tests.factories import BY, make_holder
from tests.planning import caller, make_plan, make_users, row
from tests.rest import assert_error

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice(client, cast):
    return caller(client, cast.alice)


def test_plan__of_an_organizations_owner__changes_it_and_its_users(alice):
    plan = make_plan(alice, row("bob", True), row("acme", True, level="organization"))

    done = alice("POST", f"plans/{plan['id']}/apply")

    assert (done.status_code, done.json()["progress"]["done"]) == (200, 2)
    assert UserOverride.objects.get().owner.public_id == "bob"


def test_plan__rows_of_others__answer_as_rows_of_nobody(alice):
    there = row("carol", True), row("globex", True, level="organization")
    nowhere = row("carom", True), row("globey", True, level="organization")

    for foreign, missing in zip(there, nowhere, strict=True):
        first, second = (
            assert_error(alice("POST", "plans", {"rows": [row("bob", True), one]}), 400, 3)
            for one in (foreign, missing)
        )
        said = str(first).replace(foreign["owner"], "X")
        assert said == str(second).replace(missing["owner"], "X")
        assert "did you mean" not in said


def test_plan__rows_of_others_left_out__are_never_among_the_changes(alice):
    rows = [row("carol", True), row("main/carol", True), row("user:carol", True), row("bob", True)]

    plan = alice("POST", "plans?continue_on_error=true", {"rows": rows}).json()

    assert (plan["summary"]["changed"], plan["summary"]["errors"]) == (1, 3)
    shown = alice("GET", f"plans/{plan['id']}/changes").json()["results"]
    assert [one["owner"] for one in shown] == ["user:main/bob"]


@pytest.mark.parametrize("level", ["system", "instance"])
def test_plan__above_the_organization__403(alice, level):
    rows = [row("bob", True), row("", True, level=level)]

    assert_error(alice("POST", "plans", {"rows": rows}), 403, 7, "feature.write")


@pytest.mark.parametrize("role", [Role.ORG_OWNER_VIEWER, Role.IAM_OWNER_VIEWER])
def test_plans__without_any_right_to_change__403(client, cast, role):
    owner = cast.instance if role is Role.IAM_OWNER_VIEWER else cast.acme
    viewer = caller(client, make_holder(role, owner))

    assert_error(viewer("POST", "plans", {"rows": [row("bob", True)]}), 403, 7, "feature.write")
    assert_error(viewer("POST", "plans", b"no json"), 403, 7)
    assert_error(viewer("GET", "plans"), 403, 7)


def test_plan__of_a_manager_of_users__may_not_change_the_organization(client, cast):
    manager = caller(client, make_holder(Role.ORG_USER_MANAGER, cast.acme))

    make_plan(manager, row("bob", True))
    answer = manager("POST", "plans", {"rows": [row("acme", True, level="organization")]})

    assert_error(answer, 403, 7, "org.feature.write")


@pytest.mark.parametrize(
    ("verb", "path"), [("GET", ""), ("GET", "/changes"), ("POST", "/apply"), ("DELETE", "")]
)
def test_plan__of_somebody_else__is_not_there(client, cast, alice, verb, path):
    plan = make_plan(alice, row("bob", True))
    root = caller(client, cast.root)

    for text in (plan["id"], str(uuid4()), "x"):
        answer = root(verb, f"plans/{text}{path}")
        assert_error(answer, 404, 5)
        assert answer.json()["message"] == "plan not found"
    assert root("GET", "plans").json()["results"] == []
    assert alice("GET", f"plans/{plan['id']}").json()["state"] == "ready"


def test_plan__its_owner_lost_all_rights__403_and_nothing_written(client, cast, alice):
    plan = make_plan(alice, row("bob", True))
    take_role(cast.alice, Role.ORG_OWNER)

    assert_error(alice("POST", f"plans/{plan['id']}/apply"), 403, 7)
    assert_error(alice("GET", f"plans/{plan['id']}/changes"), 403, 7)
    assert not UserOverride.objects.exists()


def test_plan__its_owner_lost_the_level__403(client, cast):
    manager = make_holder(Role.ORG_USER_MANAGER, cast.acme, "manager")
    call = caller(client, manager)
    plan = make_plan(call, row("bob", True))
    take_role(manager, Role.ORG_USER_MANAGER)
    grant_role(manager, Role.ORG_SETTINGS_MANAGER, cast.acme, **BY)

    assert_error(call("POST", f"plans/{plan['id']}/apply"), 403, 7, "user.feature.write")
    assert_error(call("GET", f"plans/{plan['id']}"), 403, 7, "user.feature.write")


def test_plan__its_owner_lost_one_organization__412_names_its_rows(client, cast):
    manager = make_holder(Role.ORG_OWNER, cast.acme, "manager")
    grant_role(manager, Role.ORG_OWNER, cast.globex, **BY)
    call = caller(client, manager)
    plan = make_plan(call, row("bob", True), row("carol", True))
    take_role(manager, Role.ORG_OWNER)

    error = assert_error(call("POST", f"plans/{plan['id']}/apply"), 412, 10)

    (violation,) = error["details"][0]["fieldViolations"]
    assert (violation["field"], "carol" in violation["description"]) == ("rows[1]", True)
    assert not UserOverride.objects.exists()


def test_plan__user_moved_to_another_organization__412(client, cast, alice):
    plan = make_plan(alice, row("bob", True))
    cast.bob.organization = cast.globex
    cast.bob.save()

    assert_error(alice("POST", f"plans/{plan['id']}/apply"), 412, 10, "there is no user")


def test_plan__token_limited_to_something_else__403(client, cast):
    limited = caller(client, cast.root, permissions=["clients.read"])

    assert_error(limited("GET", "plans"), 403, 7)


def test_plan__many_rows_of_two_organizations__costs_no_query_for_each(
    cast, alice, django_assert_max_num_queries
):
    names = make_users(cast, 50)
    small, large = ([row(name, True) for name in names[:number]] for number in (2, 50))
    make_plan(alice, *small)

    with django_assert_max_num_queries(60) as few:
        make_plan(alice, *small)
    with django_assert_max_num_queries(len(few)):
        make_plan(alice, *large)


def take_role(user, role):
    """Take the last one of such roles away."""
    revoke_role(Membership.objects.filter(user=user, role=role).latest("pk"), **BY)
