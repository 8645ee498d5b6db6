"""Undo of what is no feature's value, over the API: each kind of change, there and back."""

import re

import pytest

from access.permissions import Role
from access.services import grant_role, revoke_role
from access.tenants import change_tenant, create_user, delete_tenant
from access.undoing import UNKNOWN, Final, carry_out_undo, plan_undo, register, way_of
from clients.models import ApiClient
from clients.services import (
    delete_client,
    rotate_secret,
    set_client_features,
    set_description,
    set_networks,
)
from config.settings import BASE_DIR
from events.models import Event, Run
from events.services import Conflict
from features.defining import archive_feature, disable_feature, edit_feature
from security.services import patch_security_settings, read_settings
from tenancy.models import Organization, User
from tenancy.services import create_instance, create_organization
from tests.factories import BY, make_client, make_holder, token_for
from tests.rest import RootApi, assert_error, send
from tests.undoable import CHANGES, last_event

pytestmark = pytest.mark.django_db

APPS = ("access", "clients", "features", "security")
BACK_AND_FORTH = ["expiry", "origins", "definition's kind", "role revoked", "domains"]
SEEN_BY = (
    "system.feature",
    "org.feature",
    "iam.feature",
    "iam.policy",
    "clients",
    "membership",
    "user",
)
EACH = pytest.mark.parametrize("name", CHANGES)


@pytest.fixture
def world(db, kept_world):
    return kept_world


@pytest.fixture
def cast(world):
    return world.cast


@pytest.fixture
def root(client, cast):
    """Send requests of root, who may everything."""
    api = RootApi(client, cast)
    return lambda verb, path, body=None, **more: api(verb, f"/api/v1/{path}", body, **more)


def caller(client, user, **limits):
    token = token_for(user, **limits)
    return lambda verb, path, body=None: send(client, verb, f"/api/v1/{path}", body, token)


@EACH
def test_undo__by_the_api__restores_what_was_there(root, world, name):
    change = CHANGES[name]
    change.prepare(world)
    before = change.read(world)
    change.make(world)
    event = last_event()

    looked = root("POST", f"events/{event.pk}/undo", {"dry_run": True}).json()
    untouched = change.read(world)
    done = root("POST", f"events/{event.pk}/undo", {"seen": looked["seen"], "reason": "oops"})

    assert untouched != before
    assert change.read(world) == before
    assert done.json()["summary"]["changed"] == 1
    assert looked["changes"] == done.json()["changes"] != []
    run = Run.objects.get()
    assert (run.kind, run.undoes, str(run.pk)) == ("undo", str(event.pk), done.json()["run"])
    assert set(Event.objects.filter(run=run.pk).values_list("reason", "actor_name")) == {
        ("oops", "root")
    }


@pytest.mark.parametrize(
    "name", ["expiry", "origins", "definition's kind", "role revoked", "domains"]
)
def test_undo__of_an_undo__brings_the_change_back(root, world, name):
    change = CHANGES[name]
    change.prepare(world)
    change.make(world)
    made = change.read(world)
    root("POST", f"events/{last_event().pk}/undo")
    undone = change.read(world)

    answer = root("POST", f"runs/{Run.objects.get().pk}/undo")

    assert answer.status_code == 200, answer.content
    assert undone != made
    assert change.read(world) == made


def test_undo__a_second_time__changes_nothing(root, world):
    CHANGES["networks"].make(world)
    event = last_event()
    root("POST", f"events/{event.pk}/undo")
    count = Event.objects.count()

    again = root("POST", f"events/{event.pk}/undo").json()

    assert (again["summary"]["unchanged"], again["changes"], again["run"]) == (1, [], None)
    assert (Event.objects.count(), Run.objects.count()) == (count, 1)


MOVED = {
    "networks": lambda world: set_networks(world.client, ["198.51.100.0/24"], **BY),
    "organization renamed": lambda world: change_tenant(
        Organization.objects.get(public_id="acme"), {"name": "Acme Ltd"}, **BY
    ),
    "origins": lambda world: patch_security_settings(
        world.cast.instance, {"allowed_origins": ("https://four.example",)}, **BY
    ),
    "definition": lambda world: edit_feature("dark_mode", {"name": "Dusk"}, **BY),
}


@pytest.mark.parametrize("name", MOVED)
def test_undo__of_what_was_changed_again_since__is_told_and_left_alone(root, world, name):
    CHANGES[name].make(world)
    event = last_event()
    MOVED[name](world)
    moved = CHANGES[name].read(world)

    done = root("POST", f"events/{event.pk}/undo").json()

    assert (done["summary"]["changed"], done["changes"]) == (0, [])
    assert [(fault["row"], fault["code"]) for fault in done["errors"]] == [(event.pk, "moved")]
    assert "was changed again since" in done["errors"][0]["message"]
    assert CHANGES[name].read(world) == moved


def test_undo__plan_that_was_looked_at_is_another_by_now__412(root, world):
    CHANGES["definition"].make(world)
    event = last_event()
    seen = root("POST", f"events/{event.pk}/undo", {"dry_run": True}).json()["seen"]
    MOVED["definition"](world)

    for body in ({"seen": seen}, {"seen": seen, "dry_run": True}):
        assert_error(root("POST", f"events/{event.pk}/undo", body), 412, 10, "look at it again")


def test_undo__somebody_else_changes_the_same_between_plan_and_writing__nothing_is_done(world):
    CHANGES["networks"].make(world)
    event = last_event()

    def read():
        plan = plan_undo(Event.objects.filter(pk=event.pk), permitted_to=None)
        set_description(world.client, "Meanwhile", **BY)
        return plan

    with pytest.raises(Conflict):
        carry_out_undo(read, what=str(event.pk), **BY)

    assert CHANGES["networks"].read(world) == ["192.0.2.0/24"]
    assert not Run.objects.exists()


@EACH
def test_undo__without_the_permission_for_the_change__403(client, world, name):
    change = CHANGES[name]
    change.prepare(world)
    change.make(world)
    made, event = change.read(world), last_event()
    reads = [
        "system.feature",
        "org.feature",
        "iam.feature",
        "iam.policy",
        "clients",
        "membership",
        "user",
    ]
    viewer = caller(client, world.cast.root, permissions=[f"{each}.read" for each in reads])

    answer = viewer("POST", f"events/{event.pk}/undo", {"dry_run": True})

    assert_error(answer, 403, 7, f"missing permission {change.resource}.")
    assert change.read(world) == made


def test_undo__by_an_organizations_owner__of_what_they_do_not_see__404(client, world):
    alice = caller(client, world.cast.alice)
    seen = []

    for name in ("networks", "origins", "definition disabled", "instance renamed", "expiry"):
        CHANGES[name].make(world)
        seen.append(alice("POST", f"events/{last_event().pk}/undo").status_code)

    assert seen == [404] * 5
    assert not Run.objects.exists()


def test_undo__of_another_instances_event__404(root, world):
    other = create_instance("Other", public_id="other", domains=["other.example"])
    set_networks(make_client(other).client, ["192.0.2.0/24"], **BY)

    assert_error(root("POST", f"events/{last_event().pk}/undo"), 404, 5)


def test_undo__of_a_role_wider_than_ones_own__403(client, cast):
    grant_role(cast.bob, Role.IAM_ADMIN_IMPERSONATOR, cast.instance, **BY)
    owner = make_holder(Role.IAM_OWNER, cast.instance)
    names = ["membership.read", "membership.write"]
    limited = caller(client, owner, permissions=names)
    event = Event.objects.get(subject=Role.IAM_ADMIN_IMPERSONATOR)

    assert_error(limited("POST", f"events/{event.pk}/undo"), 403, 7, "membership.write")
    assert caller(client, owner)("POST", f"events/{event.pk}/undo").status_code == 200


def test_undo__that_would_leave_no_owner__is_refused_like_the_change_itself(root, cast):
    *others, last = ApiClient.objects.filter(features__name="owner")
    set_client_features(last, [], **BY)
    set_client_features(last, ["owner"], **BY)
    event = last_event()
    for other in others:
        set_client_features(other, [], **BY)

    answer = root("POST", f"events/{event.pk}/undo")

    assert_error(answer, 400, 3, "left without an owner")
    assert not Run.objects.exists()


def test_undo__of_an_archived_features_change__says_to_restore_it(root, world):
    CHANGES["definition"].make(world)
    event = last_event()
    archive_feature("dark_mode", **BY)

    assert_error(root("POST", f"events/{event.pk}/undo"), 400, 3, "restore it first")


def test_undo__of_a_run__takes_all_of_it_back_and_names_what_is_final(root, world):
    patch_security_settings(world.cast.instance, {"impersonation_enabled": True}, **BY)
    body = {"iframe_enabled": True, "impersonation_enabled": False}
    patch_security_settings(world.cast.instance, body, **BY)
    run = "0b6e5c1e-7f0b-4f2c-9d3a-1f1f9c9d7a11"
    rotate_secret(world.client, **BY)
    Event.objects.filter(pk__in=Event.objects.order_by("-pk").values("pk")[:3]).update(run=run)

    done = root("POST", f"runs/{run}/undo").json()

    assert [fault["code"] for fault in done["errors"]] == ["final"]
    settings = read_settings(world.cast.instance)
    assert (settings.iframe_enabled, settings.impersonation_enabled) == (False, True)


def test_undo__of_what_is_gone__says_so(root, world):
    set_client_features(world.client, ["direct_access"], **BY)
    event = last_event()
    delete_client(world.client, **BY)

    done = root("POST", f"events/{event.pk}/undo").json()

    assert [fault["code"] for fault in done["errors"]] == ["gone"]


def test_undo__id_of_a_deleted_tenant_has_another__leaves_that_alone(root, cast):
    extra = create_organization(cast.instance, "Initech", public_id="initech")
    change_tenant(extra, {"name": "Initrode"}, **BY)
    event = last_event()
    delete_tenant(extra, **BY)
    create_organization(cast.instance, "Initrode", public_id="initech")

    done = root("POST", f"events/{event.pk}/undo").json()

    assert [fault["code"] for fault in done["errors"]] == ["gone"]
    assert Organization.objects.get(public_id="initech").name == "Initrode"


def test_undo__name_of_one_of_two_with_the_same_id__is_that_ones(root, cast):
    change_tenant(cast.acme, {"name": "Acme & Sons"}, **BY)
    event = last_event()
    create_user(cast.globex, "acme", public_id="acme", name="Acme & Sons", **BY)

    root("POST", f"events/{event.pk}/undo")

    assert Organization.objects.get(public_id="acme").name == "Acme"
    assert User.objects.get(public_id="acme").name == "Acme & Sons"


def test_undo__of_a_role_of_a_user_who_came_back_under_the_same_id__is_not_done(root, cast):
    grant_role(cast.carol, Role.ORG_OWNER, cast.globex, **BY)
    revoke_role(cast.carol.memberships.get(), **BY)
    event = last_event()
    delete_tenant(User.objects.get(pk=cast.carol.pk), **BY)
    create_user(cast.globex, "carol", public_id="carol", **BY)

    done = root("POST", f"events/{event.pk}/undo").json()

    assert [fault["code"] for fault in done["errors"]] == ["gone"]


def test_undo__of_what_is_final__400_and_the_event_says_why(root, world):
    rotate_secret(world.client, **BY)
    event = last_event()

    answer = root("POST", f"events/{event.pk}/undo")

    why = root("GET", f"events/{event.pk}").json()["not_undoable"]
    assert_error(answer, 400, 3, why)
    assert "secret" in why


def test_undo__of_a_revoked_role__is_not_undoable_by_who_has_lost_it(client, cast):
    owner = make_holder(Role.IAM_OWNER, cast.instance)
    revoke_role(owner.memberships.get(), **BY)

    event = last_event()

    answer = caller(client, owner)("POST", f"events/{event.pk}/undo")

    assert_error(answer, 404, 5)


def test_undo__disabled_feature__is_enabled_in_the_next_request(root, world):
    disable_feature("dark_mode", **BY)

    root("POST", f"events/{last_event().pk}/undo")

    assert root("GET", "features/dark_mode").json()["enabled"] is True


@pytest.mark.once
def test_types__every_one_that_is_recorded__says_how_it_is_undone():
    kinds = "features|definition|clients|security|roles|tenants|tokens|impersonation"
    pattern = re.compile(rf'"((?:{kinds})\.(?!(?:read|write|delete)")[a-z]+(?:_[a-z]+)*)"')
    paths = [path for app in APPS for path in (BASE_DIR / app).rglob("*.py")]
    recorded = {
        name
        for path in paths
        if path.stem not in {"undoing", "undoers"}
        for name in pattern.findall(path.read_text())
    }

    unknown = [name for name in recorded if way_of(name) is UNKNOWN]

    assert len(recorded) > 20
    assert unknown == []


@pytest.mark.once
def test_register__type_that_is_known__is_refused():
    with pytest.raises(ValueError, match=r"roles\.granted"):
        register({"roles.granted": Final("no")})
