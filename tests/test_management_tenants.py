"""The management API for instances, organizations, users and memberships."""

import pytest

from access.permissions import Role
from events.models import Event
from tenancy.models import System, User
from tenancy.services import create_instance, create_organization, create_user
from tests.factories import make_holder, token_for

pytestmark = pytest.mark.django_db


def call(client, token, verb, path, body=None, **headers):
    response = getattr(client, verb)(
        f"/api/v1/{path}",
        data=body,
        content_type="application/json",
        headers={"Authorization": f"Bearer {token}", **headers},
    )
    return response.status_code, response.json() if response.content else None


def get(client, token, path, **parameters):
    response = client.get(
        f"/api/v1/{path}", parameters, headers={"Authorization": f"Bearer {token}"}
    )
    return response.status_code, response.json()


def ids(answer):
    status, body = answer
    assert status == 200, body
    return [row["id"] for row in body["results"]]


def test_organizations__own_one_of_two__the_other_does_not_exist(client, cast):
    token = token_for(cast.alice)

    assert ids(get(client, token, "organizations")) == ["acme"]
    assert get(client, token, "organizations/acme")[0] == 200
    assert get(client, token, "organizations/globex")[0] == 404
    assert call(client, token, "patch", "organizations/globex", {"name": "x"})[0] == 404


def test_organizations__other_instance__does_not_exist(client, cast):
    token = token_for(make_holder(Role.IAM_OWNER, cast.instance))
    other = create_instance("Other", public_id="other", domains=["other.example"])
    create_organization(other, "Foreign", public_id="foreign")

    assert ids(get(client, token, "organizations")) == ["acme", "globex"]
    assert get(client, token, "organizations/foreign")[0] == 404


def test_users__pages__follow_one_another_without_gap(client, cast):
    token = token_for(cast.root)
    for number in range(7):
        create_user(cast.acme, f"User{number}" if number % 2 else f"user{number}")

    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        _, body = get(client, token, "users", limit=2, order="-username", cursor=cursor)
        seen += [row["username"] for row in body["results"]]
        cursor = body["next"]

    everybody = User.objects.filter(instance=cast.instance).values_list("username", flat=True)
    assert seen == sorted(everybody, key=str.lower, reverse=True)


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 1000000}, "limit"),
        ({"limit": "0000000001000000"}, "limit"),
        ({"limit": "x"}, "limit"),
        ({"order": "organization"}, "order"),
        ({"q": "a", "order": "created"}, "order"),  # a search has the order of what it searches
        ({"cursor": "tampered"}, "cursor"),
        ({"organisation": "acme"}, "organisation"),
    ],
)
def test_users__bad_parameter__names_it(client, cast, parameters, field):
    status, body = get(client, token_for(cast.root), "users", **parameters)

    assert status == 400
    assert body["details"][0]["fieldViolations"][0]["field"] == field


def test_users__cursor_of_another_list__refused(client, cast):
    token = token_for(cast.root)
    cursor = get(client, token, "organizations", limit=1)[1]["next"]

    assert get(client, token, "users", cursor=cursor)[0] == 400


def test_create_user__as_owner_of_the_organization__is_recorded(client, cast):
    body = {"id": "dave", "username": "dave", "organization": "acme", "email": "d@acme.example"}

    status, answer = call(client, token_for(cast.alice), "post", "users", body)

    assert (status, answer["id"], answer["is_staff"]) == (201, "dave", False)
    event = Event.objects.get(stream__kind="user.tenant")
    assert (event.type, event.actor_id, event.surface) == ("tenants.created", "alice", "api")


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"username", "organization"}),
        ({"username": 5, "organization": "acme"}, {"username"}),
        ({"username": "x", "organization": "acme", "is_staff": "yes"}, {"is_staff"}),
        ({"username": "x", "organization": "acme", "mail": "x"}, {"mail"}),
        ({"username": "x", "organization": "acme", "email": "no"}, {"email"}),
        ({"username": "x", "organization": "acme", "id": ""}, {"id"}),
    ],
)
def test_create_user__bad_members__all_are_named(client, cast, body, fields):
    status, answer = call(client, token_for(cast.alice), "post", "users", body)

    assert status == 400
    assert {v["field"] for v in answer["details"][0]["fieldViolations"]} == fields
    assert not User.objects.filter(username="x").exists()


def test_change_user__if_match_of_an_older_state__refused(client, cast):
    token = token_for(cast.alice)
    response = client.get("/api/v1/users/bob", headers={"Authorization": f"Bearer {token}"})
    tag = {"If-Match": response["ETag"]}

    first = call(client, token, "patch", "users/bob", {"name": "Bob"}, **tag)
    second = call(client, token, "patch", "users/bob", {"name": "Robert"}, **tag)

    assert (first[0], second[0]) == (200, 412)
    assert User.objects.get(public_id="bob").name == "Bob"


def test_delete_user__twice__the_second_finds_nobody(client, cast):
    token = token_for(cast.alice)

    assert call(client, token, "delete", "users/bob")[0] == 204
    assert call(client, token, "delete", "users/bob")[0] == 404


def test_instances__who_may_create__the_system_owner_alone(client, cast):
    body = {"id": "two", "name": "Two", "domains": ["two.example"]}
    owner = token_for(make_holder(Role.SYSTEM_OWNER, System()))
    iam = token_for(make_holder(Role.IAM_OWNER, cast.instance))

    assert call(client, iam, "post", "instances", body)[0] == 403
    assert call(client, owner, "post", "instances", body)[0] == 201
    assert ids(get(client, owner, "instances", domain="two.example")) == ["two"]
    assert ids(get(client, iam, "instances")) == ["main"]


def test_memberships__grant_within_the_own_organization__and_no_wider(client, cast):
    token = token_for(cast.alice)
    grant = {"user": "bob", "role": "ORG_OWNER_VIEWER", "owner": "organization:main/acme"}

    status, made = call(client, token, "post", "memberships", grant)
    wider = call(client, token, "post", "memberships", grant | {"role": "IAM_OWNER"})
    elsewhere = call(
        client, token, "post", "memberships", grant | {"owner": "organization:main/globex"}
    )

    assert status == 201
    assert (wider[0], elsewhere[0]) == (403, 400)
    assert call(client, token, "delete", f"memberships/{made['id']}")[0] == 204


def test_explain__owner_of_another_organization__refused(client, cast):
    token = token_for(cast.alice)
    parameters = {"feature": "user_schema"}

    mine = get(client, token, "explain", owner="user:bob", **parameters)
    other = get(client, token, "explain", owner="user:carol", **parameters)

    assert (mine[0], other[0]) == (200, 403)
    assert mine[1]["explanation"].startswith("Off, because nobody set it")


def test_explain__nothing_named__both_are_required(client, cast):
    status, body = get(client, token_for(cast.alice), "explain")

    assert status == 400
    assert len(body["details"][0]["fieldViolations"]) == 2
