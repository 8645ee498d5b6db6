"""The feature grid: what it writes, what it refuses, and what happens when two write at once."""

from dataclasses import replace

import pytest
from django.urls import reverse
from django.utils import timezone

from access.actors import author_of
from access.permissions import Role
from access.services import grant_role
from events.models import Event
from features.definitions import current_definitions
from features.models import Feature
from features.services import lock_feature, overrides_of, set_features
from tenancy.models import System, User
from tenancy.revision import touch_revision
from tenancy.services import create_organization, create_user
from tests.factories import BY, ORIGIN, make_cast


@pytest.fixture
def cast(db, client):
    cast = make_cast()
    User.objects.filter(pk=cast.alice.pk).update(is_staff=True)
    client.force_login(cast.root)
    return cast


def grid_of(owner):
    return reverse("admin:owner_features", args=[owner.level.label, owner.pk])


def form_of(client, owner):
    """Return the fields of an owner's grid as a browser would send them, untouched."""
    context = client.get(grid_of(owner)).context
    fields = {"sequence": str(context["sequence"]), "reason": ""}
    for _stage, rows in context["groups"]:
        for row in rows:
            number = row.definition.id
            fields[f"was-{number}"] = row.state
            if row.is_settable and not row.locked_above:
                fields[f"choice-{number}"] = row.choice
                if row.control == "choices":
                    fields[f"value-{number}"] = row.picked
                elif row.control != "boolean":
                    fields[f"value-{number}"] = row.typed
    return fields


def field(feature, prefix="choice"):
    return f"{prefix}-{current_definitions().get(feature).id}"


def own(owner):
    """Return what an owner sets, by feature key."""
    return {definition.key: stored.value for definition, stored in overrides_of(owner).items()}


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


def test_grid__different_features_changed_by_two__both_are_kept(cast, client):
    form = form_of(client, cast.bob)
    set_features(cast.bob, {"user_schema": True}, **BY)

    client.post(grid_of(cast.bob), form | {field("actions"): "on"})

    assert own(cast.bob) == {"actions": True, "user_schema": True}


def test_grid__same_feature_changed_by_two__shows_both_and_writes_on_the_second_save(cast, client):
    form = form_of(client, cast.bob) | {field("actions"): "on", field("user_schema"): "on"}
    set_features(cast.bob, {"actions": False}, **BY)

    response = client.post(grid_of(cast.bob), form)

    assert own(cast.bob) == {"actions": False}
    page = response.content.decode()
    assert "Somebody changed the same feature" in page
    assert "Now stored:" in page
    rows = {row.definition.key: row for _stage, rows in response.context["groups"] for row in rows}
    assert rows["actions"].has_conflict
    assert not rows["user_schema"].has_conflict

    again = form | {field("actions", "was"): rows["actions"].state}
    client.post(grid_of(cast.bob), again)

    assert own(cast.bob) == {"actions": True, "user_schema": True}


def test_grid__shown_again_after_a_conflict__does_not_take_anothers_change_for_ours(cast, client):
    form = form_of(client, cast.bob) | {field("actions"): "on"}
    set_features(cast.bob, {"actions": False, "user_schema": True}, **BY)

    response = client.post(grid_of(cast.bob), form)

    rows = [row for _stage, rows in response.context["groups"] for row in rows]
    untouched = next(row for row in rows if row.definition.key == "user_schema")
    assert untouched.choice == "on"
    assert untouched.state == "true"


def test_grid__sent_twice__changes_nothing_the_second_time(cast, client):
    form = form_of(client, cast.bob) | {field("actions"): "on"}
    client.post(grid_of(cast.bob), form)

    response = client.post(grid_of(cast.bob), form, follow=True)

    assert Event.objects.filter(stream__owner="bob", subject="actions").count() == 1
    assert "Nothing was changed" in response.content.decode()


def test_grid__old_page_after_a_save__merges_another_change(cast, client):
    form = form_of(client, cast.bob)
    client.post(grid_of(cast.bob), form | {field("actions"): "on"})

    client.post(grid_of(cast.bob), form | {field("user_schema"): "on"})

    assert own(cast.bob) == {"actions": True, "user_schema": True}


def test_grid__feature_locked_above__is_read_only_and_refused(cast, client):
    set_features(cast.instance, {"actions": True}, **BY)
    form = form_of(client, cast.bob) | {field("actions"): "off"}
    lock_feature(cast.instance, "actions", **BY)

    response = client.post(grid_of(cast.bob), form)

    assert own(cast.bob) == {}
    assert "locked at instance level" in response.content.decode()
    assert "Locked at the level: Instance" in client.get(grid_of(cast.bob)).content.decode()


def test_grid__feature_archived_meanwhile__writes_nothing(cast, client):
    form = form_of(client, cast.bob) | {field("actions"): "on"}
    Feature.objects.filter(key="actions").update(archived_at=timezone.now())
    touch_revision()

    response = client.post(grid_of(cast.bob), form)

    assert "does not exist any more" in response.content.decode()
    assert own(cast.bob) == {}


def test_grid__owner_deleted_meanwhile__does_not_exist(cast, client):
    form = form_of(client, cast.bob)
    address = grid_of(cast.bob)
    cast.bob.delete()

    assert client.post(address, form).status_code == 404


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


def test_grid__session_ended__keeps_what_was_typed(cast, client, settings):
    cast.root.set_password("a long password")
    cast.root.save()
    client.force_login(cast.root)
    form = form_of(client, cast.bob) | {field("actions"): "on", "reason": "typed for long"}
    client.logout()

    sign_in = client.post(grid_of(cast.bob), form)
    kept = sign_in.context["kept"]
    shown = client.post(
        reverse("admin:login"),
        {
            "username": "root",
            "password": "a long password",
            "next": grid_of(cast.bob),
            "kept": kept,
        },
        follow=True,
    )

    assert own(cast.bob) == {}
    page = shown.content.decode()
    assert "What you typed is here" in page
    assert "typed for long" in page
    rows = [row for _stage, rows in shown.context["groups"] for row in rows]
    assert next(row for row in rows if row.definition.key == "actions").choice == "on"


def test_grid__kept_form_that_was_forged__is_ignored(cast, client):
    cast.root.set_password("a long password")
    cast.root.save()
    client.logout()
    body = {"username": "root", "password": "a long password", "next": grid_of(cast.bob)}

    response = client.post(reverse("admin:login"), body | {"kept": "forged"}, follow=True)

    assert response.status_code == 200
    assert "What you typed is here" not in response.content.decode()


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


def test_grid__many_features__costs_the_same_queries_and_shows_a_page(
    cast, client, django_assert_num_queries
):
    set_features(cast.bob, {"actions": True}, **BY)
    client.get(grid_of(cast.bob))  # what is kept by revision is read once
    with django_assert_num_queries(11):
        client.get(grid_of(cast.bob))
    Feature.objects.bulk_create(
        Feature(key=f"f{n}", json_name=f"f{n}", name=f"F {n}", kind="boolean", default=False)
        for n in range(300)
    )
    touch_revision()
    for n in range(30):
        set_features(cast.bob, {f"f{n}": True}, **BY)
    client.get(grid_of(cast.bob))

    with django_assert_num_queries(11):
        response = client.get(grid_of(cast.bob))

    assert sum(len(rows) for _stage, rows in response.context["groups"]) == 50


def test_reset__confirmed__lets_the_owner_inherit_everything(cast, client):
    set_features(cast.acme, {"actions": True, "user_schema": True}, **BY)
    address = reverse("admin:owner_reset", args=["organization", cast.acme.pk])
    preview = client.get(address)
    sequence = preview.context["hidden"][0][1]

    client.post(address, {"sequence": sequence, "confirm": "yes", "reason": "over"})

    assert own(cast.acme) == {}
    assert Event.objects.filter(type="features.reset", reason="over").count() == 2


def test_reset__changed_meanwhile__writes_nothing(cast, client):
    set_features(cast.acme, {"actions": True}, **BY)
    address = reverse("admin:owner_reset", args=["organization", cast.acme.pk])
    sequence = client.get(address).context["hidden"][0][1]
    set_features(cast.acme, {"user_schema": True}, **BY)

    client.post(address, {"sequence": sequence, "confirm": "yes"})

    assert own(cast.acme) == {"actions": True, "user_schema": True}


def test_undo__of_a_run__restores_what_was_there(cast, client):
    set_features(cast.bob, {"actions": False}, **BY)
    form = form_of(client, cast.bob) | {field("actions"): "on", field("user_schema"): "on"}
    client.post(grid_of(cast.bob), form)
    address = reverse("admin:undo_run", args=[Event.objects.latest("pk").run])
    seen = client.get(address).context["preview"].signature

    client.post(address, {"seen": seen, "confirm": "yes", "reason": "a mistake"})

    assert own(cast.bob) == {"actions": False}
    assert Event.objects.latest("pk").reason == "a mistake"


def test_undo__value_has_moved_on__asks_before_it_overwrites(cast, client):
    set_features(cast.bob, {"actions": True}, **BY)
    event = Event.objects.latest("pk")
    set_features(cast.bob, {"actions": False}, **BY)
    address = reverse("admin:undo_event", args=[event.pk])
    preview = client.get(address)

    seen = preview.context["preview"].signature
    asked = client.post(address, {"seen": seen, "confirm": "yes", "overwrite": "yes"})
    refused = own(cast.bob)
    seen = asked.context["preview"].signature
    client.post(address, {"seen": seen, "confirm": "yes", "overwrite": "yes"})

    assert "This has changed since" in preview.content.decode()
    assert refused == {"actions": False}
    assert own(cast.bob) == {}


def test_undo__of_a_lock__takes_the_lock_away(cast, client):
    set_features(cast.acme, {"actions": True}, **BY)
    lock_feature(cast.acme, "actions", **BY)
    address = reverse("admin:undo_event", args=[Event.objects.latest("pk").pk])

    seen = client.get(address).context["preview"].signature
    client.post(address, {"seen": seen, "confirm": "yes"})

    [stored] = overrides_of(cast.acme).values()
    assert (stored.value, stored.locked) == (True, False)


def test_undo__another_tenants_event__does_not_exist(cast, client):
    set_features(cast.carol, {"actions": True}, **BY)
    event = Event.objects.latest("pk")
    client.force_login(cast.alice)

    assert client.get(reverse("admin:undo_event", args=[event.pk])).status_code == 404
    assert client.post(reverse("admin:undo_event", args=[event.pk])).status_code == 404


def test_explain__value_from_the_instance__says_so(cast, client):
    set_features(cast.instance, {"actions": True}, **BY)
    address = reverse("admin:explain", args=["user", cast.bob.pk, field("actions").split("-")[1]])

    page = client.get(address).content.decode()

    assert "On, because the instance Main set it on" in page
    assert page.count('class="winner"') == 1


def test_explain__names_that_are_exact__lead_to_the_explanation(cast, client):
    response = client.get(reverse("admin:explain_pick"), {"owner": "bob", "feature": "actions"})

    assert response.status_code == 302
    assert f"/owner/user/{cast.bob.pk}/explain/" in response.url


def test_explain__another_tenants_user__is_not_found(cast, client):
    client.force_login(cast.alice)

    for who in ("carol", "user:main/carol", "globex", "organization:main/globex"):
        page = client.get(reverse("admin:explain_pick"), {"owner": who, "feature": "actions"})
        assert "Nobody that you may see is called so" in page.content.decode()


def test_suggest__owner_of_an_organization__offers_their_own(cast, client):
    client.force_login(cast.alice)
    address = reverse("admin:suggest")
    kinds = {"kind": ["user", "organization", "instance"]}

    offered = {
        row["reference"]
        for text in "abcgm"
        for row in client.get(address, kinds | {"q": text}).json()["results"]
    }

    assert offered == {"user:main/alice", "user:main/bob", "organization:main/acme"}


def test_search__owner_of_an_organization__finds_their_own_and_features(cast, client):
    set_features(cast.carol, {"actions": True}, **BY)
    client.force_login(cast.alice)
    found = {}

    for text in ("bob", "carol", "globex", "main", "actions"):
        response = client.get(reverse("admin:search"), {"q": text})
        found[text] = [one.title for _label, group in response.context["groups"] for one in group]

    assert found == {"bob": ["bob"], "carol": [], "globex": [], "main": [], "actions": ["Actions"]}


def test_history__owner_of_an_organization__shows_theirs_only(cast, client):
    for owner in (System(), cast.instance, cast.acme, cast.globex, cast.bob, cast.carol):
        set_features(owner, {"actions": True}, **BY)
    client.force_login(cast.alice)

    events = client.get(reverse("admin:history")).context["events"]

    assert {(e.stream.kind, e.stream.owner) for e in events if e.subject == "actions"} == {
        ("organization", "acme"),
        ("user", "bob"),
    }


def test_history__more_than_a_page__goes_on_below_the_last(cast, client):
    for number in range(60):
        set_features(cast.bob, {"actions": bool(number % 2)}, **BY)
    address = reverse("admin:owner_history", args=["user", cast.bob.pk])

    first = client.get(address).context
    second = client.get(address, {"before": first["next"]}).context

    numbers = [event.sequence for event in [*first["events"], *second["events"]]]
    assert numbers == list(range(60, 0, -1))


@pytest.mark.parametrize(
    ("name", "limit"), [("history", 7), ("overrides", 16), ("index", 22), ("search", 20)]
)
def test_page__more_rows__costs_the_same_queries(
    cast, client, name, limit, django_assert_max_num_queries
):
    for number in range(12):
        organization = create_organization(cast.instance, f"Organization {number}")
        user = create_user(organization, f"user{number}")
        set_features(organization, {"actions": True}, **BY)
        set_features(user, {"actions": False}, **BY)

    with django_assert_max_num_queries(limit):
        response = client.get(reverse(f"admin:{name}"), {"q": "user", "level": "user"})

    assert response.status_code == 200


def test_feature_page__overridden__counts_owners_on_off_and_inherited(cast, client):
    set_features(cast.acme, {"actions": True}, **BY)
    set_features(cast.globex, {"actions": False}, **BY)
    set_features(cast.bob, {"actions": True}, **BY)
    feature = Feature.objects.get(key="actions")

    bars = client.get(reverse("admin:features_feature_change", args=[feature.pk])).context["bars"]

    counts = {bar.level.label: bar.counts for bar in bars}
    assert counts["organization"] == {"on": 1, "off": 1, "set": 0, "inherits": 0}
    assert counts["user"] == {"on": 1, "off": 0, "set": 0, "inherits": User.objects.count() - 1}


def test_feature_page__owner_of_an_organization__counts_their_own_only(cast, client):
    set_features(cast.globex, {"actions": True}, **BY)
    set_features(cast.carol, {"actions": True}, **BY)
    set_features(cast.instance, {"actions": True}, **BY)
    feature = Feature.objects.get(key="actions")
    client.force_login(cast.alice)

    context = client.get(reverse("admin:features_feature_change", args=[feature.pk])).context

    counts = {bar.level.label: bar.counts["on"] for bar in context["bars"]}
    assert counts == {"organization": 0, "user": 0}
    assert list(context["events"]) == []
    assert context["changes"] == 0


def test_undo__by_a_viewer__is_refused(cast, client):
    set_features(cast.acme, {"actions": True}, **BY)
    event = Event.objects.latest("pk")
    grant_role(cast.bob, Role.ORG_OWNER_VIEWER, cast.acme, **BY)
    User.objects.filter(pk=cast.bob.pk).update(is_staff=True)
    client.force_login(cast.bob)

    response = client.get(reverse("admin:undo_event", args=[event.pk]), follow=True)

    assert "Your roles do not let you" in response.content.decode()


def test_grid_and_explanation__value_from_above__name_nobody_to_who_does_not_see_it(cast, client):
    by = BY | {"actor": author_of(cast.carol), "origin": replace(ORIGIN, reason="a secret plan")}
    set_features(cast.instance, {"actions": True}, **by)
    number = field("actions").split("-")[1]
    pages = [grid_of(cast.bob), reverse("admin:explain", args=["user", cast.bob.pk, number])]

    to_root = [client.get(page).content.decode() for page in pages]
    client.force_login(cast.alice)
    to_alice = [client.get(page).content.decode() for page in pages]

    assert all("carol" in page for page in to_root)
    assert "a secret plan" in to_root[1]
    assert not any("carol" in page or "a secret plan" in page for page in to_alice)
