"""The feature grid: what it writes, what it refuses, and what happens when two write at once."""

import pytest
from django.urls import reverse

from access.permissions import Role
from access.services import grant_role
from events.models import Event
from features.definitions import current_definitions
from features.models import Feature
from features.services import lock_feature, overrides_of, set_features
from tenancy.models import System, User
from tenancy.revision import touch_revision
from tenancy.services import create_organization, create_user
from tests.admin_forms import field, form_of, grid_of, own
from tests.factories import BY


@pytest.fixture
def cast(cast, client):
    User.objects.filter(pk=cast.alice.pk).update(is_staff=True)
    client.force_login(cast.root)
    return cast


def test_grid__nothing_changed__pins_nothing(cast, client):
    set_features(cast.instance, {"actions": True}, **BY)

    response = client.post(grid_of(cast.acme), form_of(client, cast.acme), follow=True)

    assert own(cast.acme) == {}
    assert "Nothing was changed" in response.content.decode()


def test_grid__one_feature_changed__writes_that_one_with_its_reason(cast, client):
    form = form_of(client, cast.bob) | {field("actions"): "on", "reason": "a trial"}

    client.post(grid_of(cast.bob), form)

    event = Event.objects.latest("pk")
    assert own(cast.bob) == {"actions": True}
    assert (event.surface, event.reason, event.actor_id) == ("admin", "a trial", "root")
    assert event.run is not None


def test_grid__set_to_inherit__removes_the_override(cast, client):
    set_features(cast.bob, {"actions": True, "user_schema": False}, **BY)
    form = form_of(client, cast.bob) | {field("actions"): "inherit"}

    client.post(grid_of(cast.bob), form)

    assert own(cast.bob) == {"user_schema": False}


@pytest.mark.parametrize(
    ("feature", "typed", "stored"),
    [
        (
            "improved_performance",
            ["IMPROVED_PERFORMANCE_PROJECT", "IMPROVED_PERFORMANCE_USER_GRANT"],
            ["IMPROVED_PERFORMANCE_PROJECT", "IMPROVED_PERFORMANCE_USER_GRANT"],
        ),
        ("improved_performance", [], []),
        ("login_v2", '{"required": true}', {"required": True}),
    ],
)
def test_grid__value_of_another_kind__is_read_strictly(cast, client, feature, typed, stored):
    form = form_of(client, cast.bob)
    form |= {field(feature): "set", field(feature, "value"): typed}

    client.post(grid_of(cast.bob), form)

    assert own(cast.bob) == {feature: stored}


@pytest.mark.parametrize(
    ("kind", "options", "default", "typed", "stored"),
    [
        ("integer", {}, 1, "42", 42),
        ("number", {}, 1, "0.5", 0.5),
        ("string", {}, "", "a text", "a text"),
        ("choice", {"choices": ["red", "blue"]}, "red", "blue", "blue"),
    ],
)
def test_grid__custom_feature_of_a_kind__stores_what_was_typed(
    cast, client, kind, options, default, typed, stored
):
    Feature.objects.create(
        key="custom", json_name="custom", name="Custom", kind=kind, options=options, default=default
    )
    touch_revision()
    form = form_of(client, cast.bob) | {field("custom"): "set", field("custom", "value"): typed}

    client.post(grid_of(cast.bob), form)

    assert own(cast.bob) == {"custom": stored}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda: {field("actions"): "maybe"}, "Choose one of the values"),
        (lambda: {field("login_v2"): "set", field("login_v2", "value"): "no"}, "is not JSON"),
        (
            lambda: {field("login_v2"): "set", field("login_v2", "value"): '{"required": 1}'},
            "required",
        ),
        (
            lambda: {
                field("improved_performance"): "set",
                field("improved_performance", "value"): ["IMPROVED"],
            },
            "IMPROVED",
        ),
        (lambda: {field("login_v2", "value"): '{"required": true}'}, "A value was typed"),
        (lambda: {"choice-999999": "on"}, "does not exist any more"),
        (lambda: {"choice-x": "on"}, "does not exist any more"),
        (lambda: {"sequence": "x"}, "Load the page again"),
        (lambda: {"reason": "x" * 1001}, "at most 1,000"),
    ],
)
def test_grid__tampered_with_or_mistyped__writes_nothing_and_says_what_is_wrong(
    cast, client, change, said
):
    form = form_of(client, cast.bob) | {field("user_schema"): "on"} | change()

    response = client.post(grid_of(cast.bob), form)

    assert own(cast.bob) == {}
    assert response.status_code == 200
    assert said in response.content.decode()
    # What was typed beside it is still there.
    rows = [row for _stage, rows in response.context["groups"] for row in rows]
    assert next(row for row in rows if row.definition.key == "user_schema").choice == "on"


def test_grid__feature_locked_above__is_read_only_and_refused(cast, client):
    set_features(cast.instance, {"actions": True}, **BY)
    form = form_of(client, cast.bob) | {field("actions"): "off"}
    lock_feature(cast.instance, "actions", **BY)

    response = client.post(grid_of(cast.bob), form)

    assert own(cast.bob) == {}
    assert "locked at instance level" in response.content.decode()
    assert "Locked at the level: Instance" in client.get(grid_of(cast.bob)).content.decode()


def test_grid__another_tenants_owner__does_not_exist(cast, client):
    form = form_of(client, cast.carol) | {field("actions"): "on"}
    client.force_login(cast.alice)

    for owner in (cast.carol, cast.globex, cast.instance, System()):
        assert client.get(grid_of(owner)).status_code == 404
        assert client.post(grid_of(owner), form).status_code == 404
    assert own(cast.carol) == {}


def test_grid__viewer__sees_it_read_only_and_is_refused(cast, client):
    grant_role(cast.bob, Role.ORG_OWNER_VIEWER, cast.acme, **BY)
    User.objects.filter(pk=cast.bob.pk).update(is_staff=True)
    form = form_of(client, cast.acme) | {field("actions"): "on"}
    client.force_login(cast.bob)

    page = client.get(grid_of(cast.acme)).content.decode()
    response = client.post(grid_of(cast.acme), form)

    assert "needs org.feature.write" in page
    assert "Save changes" not in page
    assert response.status_code == 403
    assert own(cast.acme) == {}


def test_grid__system_level__asks_for_the_levels_name(cast, client):
    form = form_of(client, System()) | {field("actions"): "on"}

    asked = client.post(grid_of(System()), form)
    wrong = client.post(grid_of(System()), form | {"confirm": "yes"})

    assert "Please look once more" in asked.content.decode()
    assert "That is not “system”" in wrong.content.decode()
    assert own(System()) == {}

    client.post(grid_of(System()), form | {"confirm": "system"})

    assert own(System()) == {"actions": True}


def test_grid__more_than_a_hundred_inherit__asks_for_the_levels_name(cast, client):
    organization = create_organization(cast.instance, "Large")
    for number in range(101):
        create_user(organization, f"user{number}")
    form = form_of(client, organization) | {field("actions"): "on"}

    assert "Please look once more" in client.post(grid_of(organization), form).content.decode()
    client.post(grid_of(organization), form | {"confirm": "organization"})

    assert own(organization) == {"actions": True}


@pytest.mark.parametrize(("choice", "is_asked"), [("on", False), ("off", True)])
def test_grid__few_inherit__asks_only_when_something_goes_off(cast, client, choice, is_asked):
    response = client.post(
        grid_of(cast.acme), form_of(client, cast.acme) | {field("actions"): choice}
    )

    assert (response.status_code == 200) is is_asked
    assert own(cast.acme) == ({} if is_asked else {"actions": True})


def test_grid__user__is_saved_without_a_question(cast, client):
    form = form_of(client, cast.bob) | {field("actions"): "off"}

    response = client.post(grid_of(cast.bob), form)

    assert response.status_code == 302
    assert own(cast.bob) == {"actions": False}


def test_grid__saved__leads_to_the_undo(cast, client):
    form = form_of(client, cast.bob) | {field("actions"): "on"}

    page = client.post(grid_of(cast.bob), form, follow=True).content.decode()

    run = Event.objects.latest("pk").run
    assert reverse("admin:undo_run", args=[run]) in page


def test_grid__lock_and_unlock__are_written(cast, client):
    set_features(cast.acme, {"actions": True}, **BY)

    client.post(grid_of(cast.acme), {"lock": "actions"})
    [locked] = overrides_of(cast.acme).values()
    client.post(grid_of(cast.acme), {"unlock": "actions"})
    [unlocked] = overrides_of(cast.acme).values()

    assert (locked.locked, unlocked.locked) == (True, False)


@pytest.mark.parametrize("show", ["here", "inherited", "locked", "differs"])
def test_grid__filter__shows_what_it_says(cast, client, show):
    set_features(cast.instance, {"actions": True, "web_key": True, "user_schema": True}, **BY)
    lock_feature(cast.instance, "web_key", **BY)
    set_features(cast.acme, {"actions": True, "user_schema": False}, **BY)

    groups = client.get(grid_of(cast.acme), {"show": show}).context["groups"]

    keys = {row.definition.key for _stage, rows in groups for row in rows}
    expected = {
        "here": {"actions", "user_schema"},
        "inherited": {d.key for d in current_definitions().ordered} - {"actions", "user_schema"},
        "locked": {"web_key"},
        "differs": {"user_schema"},
    }
    assert keys == expected[show]
