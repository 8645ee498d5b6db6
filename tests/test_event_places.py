"""Every event says to which instance and organization it belongs, as it was when it happened."""

from importlib import import_module

import pytest
from django.apps import apps
from django.core.management import call_command

from access.permissions import Role
from access.services import grant_role, issue_token, revoke_role
from access.tenants import change_tenant, create_user, delete_tenant
from api.pagination import DEFAULT_LIMIT
from clients.services import create_client
from events.models import Event
from events.services import Entry, StreamKey, append
from features.defining import define_feature
from features.services import overrides_of, set_features
from tenancy.models import System
from tenancy.services import create_instance, create_organization
from tests.factories import BY, make_cast, make_holder, token_for
from tests.rest import RootApi
from tests.sqlite_steps import count_steps, counts_steps

pytestmark = pytest.mark.django_db

OTHERS = [Entry("features.set", "actions", after=True)] * 3000


@pytest.fixture
def cast():
    """Everything that has a history, with some of it."""
    cast = make_cast()
    Event.objects.all()._raw_delete("default")
    for owner in (System(), cast.instance, cast.acme, cast.bob, cast.root):
        set_features(owner, {"actions": True}, **BY)
    for tenant in (cast.instance, cast.acme, cast.bob):
        change_tenant(tenant, {"name": "New"}, **BY)
    revoke_role(grant_role(cast.bob, Role.ORG_OWNER_VIEWER, cast.acme, **BY), **BY)
    grant_role(cast.bob, Role.ORG_USER_MANAGER, cast.globex, **BY)
    grant_role(cast.bob, Role.IAM_USER_MANAGER, cast.instance, **BY)
    issue_token(cast.bob, **BY)
    issue_token(cast.root, **BY)
    client = create_client(cast.instance, "Made", features=["owner"], **BY).client
    issue_token(client, **BY)
    define_feature("made", kind="boolean", default=False, **BY)
    return cast


def places():
    """Return where the events of each stream belong, and what they are about for roles."""
    found = set()
    for event in Event.objects.select_related("stream"):
        about = event.subject if event.stream.kind == "user.roles" else ""
        found.add(
            (
                event.stream.kind,
                event.stream.owner[:5],
                about,
                event.instance_key,
                event.organization_key,
            )
        )
    return found


def expected(cast):
    here, acme = cast.instance.pk, cast.acme.pk
    return {
        ("definition", "made", "", 0, None),
        ("system", "SYSTE", "", 0, None),
        ("user", "root", "", 0, None),
        ("user.token", "root", "", 0, None),
        ("instance", "main", "", here, None),
        ("instance.tenant", "main", "", here, None),
        ("organization", "acme", "", here, acme),
        ("organization.tenant", "acme", "", here, acme),
        ("user", "bob", "", here, acme),
        ("user.tenant", "bob", "", here, acme),
        ("user.token", "bob", "", here, acme),
        ("user.roles", "bob", "ORG_OWNER_VIEWER", here, acme),
        ("user.roles", "bob", "ORG_USER_MANAGER", here, None),  # no business of Acme's
        ("user.roles", "bob", "IAM_USER_MANAGER", here, None),
    }


def test_events__of_every_kind__say_where_they_belong(cast):
    found = {place for place in places() if not place[0].startswith("client")}

    assert found == expected(cast)
    clients = Event.objects.filter(stream__kind__startswith="client")
    assert set(clients.values_list("stream__kind", "instance_key", "organization_key")) == {
        ("client", cast.instance.pk, None),
        ("client.token", cast.instance.pk, None),
    }


def test_events__from_before_they_said_it__get_the_same_places(cast):
    """What the migration fills in is what the services would have written."""
    before = places()
    Event.objects.update(instance_key=0, organization_key=None)

    import_module("events.migrations.0006_tenant_keys").fill(apps, None)

    assert places() == before


def test_events__from_before_they_said_it__of_a_gone_instance__are_in_no_others_list(client):
    cast = make_cast()
    gone = create_instance("Gone", public_id="gone")
    set_features(gone, {"actions": True}, **BY)
    change_tenant(gone, {"name": "Going"}, **BY)
    delete_tenant(gone, **BY)
    api = RootApi(client, cast)
    before = api("GET", "/api/v1/events").json()
    Event.objects.update(instance_key=0, organization_key=None)

    import_module("events.migrations.0006_tenant_keys").fill(apps, None)

    assert api("GET", "/api/v1/events").json() == before


def test_bulk_events__of_every_level__say_where_they_belong(cast, tmp_path):
    Event.objects.all()._raw_delete("default")
    file = tmp_path / "rows.csv"
    owners = ["system,", "instance,main", "organization,main/acme", "user,main/bob", "user,root"]
    file.write_text(
        "level,owner,feature,value\n" + "".join(f"{one},actions,off\n" for one in owners)
    )

    call_command("features_bulk", str(file), yes=True, quiet=True)

    assert places() == {
        place
        for place in expected(cast)
        if place[0] in {"system", "instance", "organization", "user"}
    }


def test_imported_users__and_their_roles__belong_to_their_organization(cast, tmp_path):
    Event.objects.all()._raw_delete("default")
    file = tmp_path / "users.csv"
    file.write_text(
        "type,id,name,parent,domains,username,email,roles\n"
        "user,ann,Ann,organization:main/acme,,ann,,ORG_OWNER;IAM_USER_MANAGER\n"
    )

    call_command("tenants_import", str(file), quiet=True)

    here, acme = cast.instance.pk, cast.acme.pk
    assert places() == {
        ("user.tenant", "ann", "", here, acme),
        ("user.roles", "ann", "ORG_OWNER", here, acme),
        ("user.roles", "ann", "IAM_USER_MANAGER", here, None),
    }


def test_history__of_an_id_that_moved_with_its_next_user__stays_with_each_organization(client):
    cast = make_cast()
    set_features(cast.bob, {"actions": True}, **BY)
    delete_tenant(cast.bob, **BY)
    again = create_user(cast.globex, "bob", public_id="bob", **BY)
    set_features(again, {"debug_oidc_parent_error": True}, **BY)
    api = RootApi(client, cast)

    seen = {}
    for owner in (cast.alice, make_holder(Role.ORG_OWNER, cast.globex)):
        api.token = token_for(owner)
        events = api("GET", "/api/v1/events").json()["results"]
        seen[owner.username] = {
            event["subject"]
            for event in events
            if event["owner"] == "user:main/bob" and event["subject"]
        }

    assert seen == {"alice": {"actions"}, "org_owner": {"debug_oidc_parent_error"}}


def test_undo__of_an_id_that_moved_with_its_next_user__changes_nothing_elsewhere(client):
    cast = make_cast()
    set_features(cast.bob, {"actions": True}, **BY)
    event = Event.objects.latest("pk")
    delete_tenant(cast.bob, **BY)
    again = create_user(cast.globex, "bob", public_id="bob", **BY)
    set_features(again, {"actions": True}, **BY)
    api = RootApi(client, cast)
    api.token = token_for(cast.alice)

    done = api("POST", f"/api/v1/events/{event.pk}/undo", {}).json()

    assert (done["summary"]["changed"], done["summary"]["errors"]) == (0, 1)
    assert [override.value for override in overrides_of(again).values()] == [True]


@pytest.mark.parametrize("number", [0, 1], ids=["set", "reset as they went"])
def test_undo__of_what_somebody_gone_had__is_not_done_to_who_has_the_id_now(client, number):
    cast = make_cast()
    set_features(cast.bob, {"actions": True}, **BY)
    delete_tenant(cast.bob, **BY)
    of_bob = Event.objects.filter(stream__kind="user", stream__owner="bob").order_by("pk")
    again = create_user(cast.acme, "bob", public_id="bob", **BY)
    set_features(again, {"actions": True} if number == 0 else {"user_schema": True}, **BY)
    before = overrides_of(again)

    done = RootApi(client, cast)("POST", f"/api/v1/events/{of_bob[number].pk}/undo", {}).json()

    assert (done["summary"]["changed"], done["errors"][0]["code"]) == (0, "gone")
    assert overrides_of(again) == before


OF_SMALL = [
    "",
    "?order=created",
    "?feature=actions",
    "?type=features.set",
    "?actor=tester",
    "?since=2020-01-01T00:00:00Z",
    "?until=2100-01-01T00:00:00Z&order=created",
]


@counts_steps
@pytest.mark.parametrize("role", [Role.IAM_OWNER, Role.ORG_OWNER])
def test_list__of_a_small_place__takes_no_more_steps_for_all_that_others_do(client, role):
    cast = make_cast()
    small = create_instance("Small", public_id="small", domains=["small.example"])
    few = create_organization(small, "Few", public_id="few")
    append(StreamKey.of(cast.bob), OTHERS[:100], **BY)
    append(StreamKey.of(create_user(few, "una", **BY)), OTHERS[: DEFAULT_LIMIT + 10], **BY)
    api = RootApi(client, cast)
    api.token = token_for(make_holder(role, small if role is Role.IAM_OWNER else few))

    def count() -> dict[str, int]:
        paths = {query: f"/api/v1/events{query}" for query in OF_SMALL}
        return {query: count_steps(api, paths[query], Host="small.example") for query in paths}

    before = count()
    append(StreamKey.of(cast.bob), OTHERS, **BY)

    after = count()
    assert {query: steps for query, steps in after.items() if steps >= 1.2 * before[query]} == {}


@counts_steps
@pytest.mark.parametrize("query", ["", "&order=created"])
def test_list__of_one_owner__takes_no_more_steps_for_a_long_history(client, query):
    cast = make_cast()
    api = RootApi(client, cast)
    path = f"/api/v1/events?owner=user:bob{query}"
    for stream in ("", "token"):
        append(StreamKey.of(cast.bob, stream), OTHERS[: DEFAULT_LIMIT + 1], **BY)
    before = count_steps(api, path)

    append(StreamKey.of(cast.bob), OTHERS, **BY)

    assert count_steps(api, path) < 1.2 * before


@counts_steps
def test_list__of_an_owner_of_somebody_else__is_not_walked_to_find_nothing(client):
    cast = make_cast()
    append(StreamKey.of(cast.carol), OTHERS, **BY)
    api = RootApi(client, cast)
    api.token = token_for(cast.alice)

    steps = {count_steps(api, f"/api/v1/events?owner=user:{one}", rows=0) for one in ("carol", "x")}

    assert max(steps) < 1.5 * min(steps)
