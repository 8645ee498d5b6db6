"""Bearer tokens that owners and access issuers hand out: `/api/v1/tokens`."""

from datetime import timedelta

import pytest
from django.utils import timezone

from access.models import AccessToken
from access.permissions import Role
from access.services import grant_role, issue_token
from clients.services import disable_client, set_client_features, set_networks
from events.models import Event
from tenancy.models import System
from tenancy.services import create_instance, create_organization, create_user
from tests.factories import BY, basic, make_client, make_holder, token_for

pytestmark = pytest.mark.django_db

PATH = "/api/v1/tokens"
OWN = "/v2/features/user/{}?inheritance=true"
ORGANIZATION = "/v2/features/organization/acme"
ON = {"loginDefaultOrg": True}


@pytest.fixture
def issuer(cast):
    return make_client(cast.instance, "access_issuer")


@pytest.fixture
def owner(cast):
    return make_client(cast.instance, "owner")


def issue(client, by, /, **body):
    headers = basic(by) if not isinstance(by, str) else bearer(by)
    return client.post(PATH, body, content_type="application/json", headers=headers)


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def put(client, path, token):
    return client.put(path, ON, content_type="application/json", headers=bearer(token))


def test_token__for_a_plain_user_by_issuer__reads_what_is_the_users_own(client, cast, issuer):
    response = issue(client, issuer, user="bob", description="phone")

    answer = response.json()
    token = answer.pop("token")
    assert response.status_code == 201
    assert response["Cache-Control"] == "no-store"
    assert token.startswith(answer["prefix"])
    assert (answer["user"], answer["permissions"]) == ("bob", [])
    assert client.get(OWN.format("bob"), headers=bearer(token)).status_code == 200
    assert client.get(OWN.format("alice"), headers=bearer(token)).status_code == 403


def test_token__for_a_user_who_may_more_than_the_issuer__may_no_more_than_it(
    client, cast, issuer, owner
):
    narrow = issue(client, issuer, user="alice").json()
    wide = issue(client, owner, user="alice").json()

    assert narrow["permissions"] == []
    assert wide["permissions"] == [
        f"{resource}.feature.{action}"
        for resource in ("org", "user")
        for action in ("delete", "read", "write")
    ]
    assert put(client, ORGANIZATION, narrow["token"]).status_code == 403
    assert put(client, ORGANIZATION, wide["token"]).status_code == 200


def test_token__permissions_given__are_all_that_it_may(client, cast, owner):
    token = issue(client, owner, user="alice", permissions=["org.feature.read"]).json()["token"]

    headers = bearer(token)
    assert client.get(f"{ORGANIZATION}?inheritance=true", headers=headers).status_code == 200
    assert put(client, ORGANIZATION, token).status_code == 403


def test_token__role_given_later__does_not_widen_it(client, cast, owner):
    token = issue(client, owner, user="bob").json()["token"]
    make_holder(Role.ORG_OWNER, cast.acme, "another")
    grant_role(cast.bob, Role.ORG_OWNER, cast.acme, **BY)

    assert put(client, ORGANIZATION, token).status_code == 403


def test_token__of_a_client__acts_as_the_client(client, cast, owner):
    reader = make_client(cast.instance, "direct_read_access")

    answer = issue(client, owner, client=reader.client.client_id).json()

    headers = bearer(answer["token"])
    assert answer["permissions"] == ["iam.feature.read", "org.feature.read", "user.feature.read"]
    assert client.get(OWN.format("bob"), headers=headers).status_code == 200
    assert put(client, OWN.format("bob"), answer["token"]).status_code == 403


@pytest.mark.parametrize(
    ("feature", "status"),
    [
        ("access_issuer", 201),
        (None, 201),
        ("direct_read_access", 403),
        ("login_client", 403),
        ("owner", 403),
    ],
)
def test_token__for_a_client_by_issuer__only_if_it_may_no_more(
    client, cast, issuer, feature, status
):
    holder = make_client(cast.instance, *filter(None, [feature]))

    response = issue(client, issuer, client=holder.client.client_id, permissions=[])

    assert response.status_code == status


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"user": "alice", "permissions": ["org.feature.read"]}, 403),  # not the issuer's
        ({"user": "alice", "permissions": ["tokens.read"]}, 400),  # not the holder's
        ({"user": "alice", "permissions": ["org.feature"]}, 400),
        ({"user": "alice", "permissions": "org.feature.read"}, 400),
        ({"user": "alice", "permissions": [1]}, 400),
        ({"user": "alice", "permissions": None}, 400),
        ({"user": "nobody"}, 404),
        ({"user": "root"}, 404),  # an operator is of no instance
        ({"user": "stranger"}, 404),  # of another instance
        ({"client": "nobody"}, 404),
        ({"user": 1}, 400),
        ({"user": ""}, 400),
        ({"user": None}, 400),
        ({"user": "a\0"}, 400),
        ({"user": "bob", "client": "x"}, 400),
        ({}, 400),
        ({"user": "bob", "expires_in_days": 0}, 400),
        ({"user": "bob", "expires_in_days": 366}, 400),
        ({"user": "bob", "expires_in_days": 1.0}, 400),
        ({"user": "bob", "expires_in_days": True}, 400),
        ({"user": "bob", "expires_in_days": "90"}, 400),
        ({"user": "bob", "expires_in_days": None}, 400),
        ({"user": "bob", "description": "x" * 201}, 400),
        ({"user": "bob", "description": "a\nb"}, 400),
        ({"user": "bob", "description": 1}, 400),
        ({"user": "bob", "scope": "all"}, 400),
        ({"user": "inactive"}, 400),
        ({"user": "impersonator"}, 403),
    ],
)
def test_token__bad_wish__is_refused_and_issues_nothing(client, cast, issuer, body, status):
    other = create_instance("Other", domains=["other.example"])
    create_user(create_organization(other, "There"), "stranger", public_id="stranger")
    make_holder(Role.IAM_ADMIN_IMPERSONATOR, cast.instance, "impersonator")
    inactive = make_holder(Role.ORG_OWNER_VIEWER, cast.acme, "inactive")
    inactive.is_active = False
    inactive.save()

    response = issue(client, issuer, **body)

    assert response.status_code == status
    assert response.json()["message"]
    assert not AccessToken.objects.exists()


def test_token__several_bad_fields__are_all_named(client, issuer):
    answer = issue(client, issuer, user=1, expires_in_days=0, scope="x", permissions=["a"]).json()

    violations = answer["details"][0]["fieldViolations"]
    assert {violation["field"] for violation in violations} == {
        "user",
        "expires_in_days",
        "scope",
        "permissions[0]",
    }


def test_token__for_a_user_of_the_system_by_owner__does_not_reach_beyond_the_instance(
    client, cast, owner
):
    other = create_instance("Other", domains=["other.example"])
    create_organization(other, "There", public_id="there")
    cast.bob.is_superuser = True
    cast.bob.save()

    token = issue(client, owner, user="bob").json()["token"]

    response = client.put(
        "/v2/features/organization/there",
        ON,
        content_type="application/json",
        headers={**bearer(token), "Host": "other.example"},
    )
    assert response.status_code == 403
    assert put(client, "/v2/features/system", token).status_code == 403


@pytest.mark.parametrize(
    ("role", "statuses"),
    [
        (Role.IAM_OWNER, (201, 200, 204)),
        (Role.IAM_OWNER_VIEWER, (403, 200, 403)),
        (Role.ORG_OWNER, (403, 403, 403)),
        (Role.IAM_LOGIN_CLIENT, (403, 403, 403)),
    ],
)
def test_tokens__user_with_a_role__may_what_the_role_says(client, cast, role, statuses):
    owner = cast.acme if role.value.startswith("ORG") else cast.instance
    token = token_for(make_holder(role, owner))
    doomed = issue_token(cast.bob, **BY).row

    created = issue(client, token, user="bob")
    listed = client.get(PATH, headers=bearer(token))
    deleted = client.delete(f"{PATH}/{doomed.pk}", headers=bearer(token))

    assert (created.status_code, listed.status_code, deleted.status_code) == statuses


def test_tokens__system_owner__has_none_of_an_instance(client, cast):
    token = token_for(make_holder(Role.SYSTEM_OWNER, System()))

    assert client.get(PATH, headers=bearer(token)).status_code == 403


def test_tokens__listed__show_prefix_expiry_and_last_use_but_no_token(client, cast, issuer):
    foreign = create_instance("Other", domains=["other.example"])
    stranger = create_user(create_organization(foreign, "There"), "stranger")
    token_for(stranger)
    issued = issue(client, issuer, user="bob", expires_in_days=1).json()
    token = issued.pop("token")
    client.get(OWN.format("bob"), headers=bearer(token))

    [listed] = client.get(PATH, headers=basic(issuer)).json()["results"]

    assert listed.pop("last_used") is not None
    assert issued.pop("last_used") is None
    assert listed == issued
    assert set(listed) == {
        "id",
        "user",
        "prefix",
        "description",
        "permissions",
        "created",
        "expires",
    }


def test_tokens__many__come_in_pages_and_by_holder(client, cast, issuer):
    ids = [issue(client, issuer, user=name).json()["id"] for name in ("bob", "carol", "bob")]

    first = client.get(f"{PATH}?limit=2", headers=basic(issuer)).json()
    second = client.get(f"{PATH}?limit=2&cursor={first['next']}", headers=basic(issuer)).json()
    bobs = client.get(f"{PATH}?user=bob", headers=basic(issuer)).json()
    nobodys = client.get(f"{PATH}?client=nobody", headers=basic(issuer)).json()

    assert [row["id"] for row in first["results"] + second["results"]] == ids[::-1]
    assert second["next"] is None
    assert [row["id"] for row in bobs["results"]] == [ids[2], ids[0]]
    assert nobodys["results"] == []


def test_tokens__cursor_made_up__is_refused(client, issuer):
    assert client.get(f"{PATH}?cursor=cD1hYmM=", headers=basic(issuer)).status_code == 400


def test_token__deleted__is_dead_at_once(client, cast, issuer):
    issued = issue(client, issuer, user="bob").json()

    response = client.delete(f"{PATH}/{issued['id']}", headers=basic(issuer))

    assert (response.status_code, response.content) == (204, b"")
    assert client.get(OWN.format("bob"), headers=bearer(issued["token"])).status_code == 401
    again = client.delete(f"{PATH}/{issued['id']}", headers=basic(issuer))
    assert again.status_code == 404
    types = list(Event.objects.filter(actor_type="client").values_list("type", flat=True))
    assert types == ["tokens.revoked", "tokens.issued"]


@pytest.mark.parametrize("token_id", ["0", "9" * 30, "x", "1/"])
def test_token__unknown_id__is_not_found(client, issuer, token_id):
    response = client.delete(f"{PATH}/{token_id}", headers=basic(issuer))

    assert response.status_code == 404
    assert response.json()["code"] == 5


def test_token__of_another_instance__does_not_exist(client, cast, issuer):
    other = create_instance("Other", domains=["other.example"])
    stranger = create_user(create_organization(other, "There"), "stranger")
    row = issue_token(stranger, **BY).row

    response = client.delete(f"{PATH}/{row.pk}", headers=basic(issuer))

    assert response.status_code == 404
    assert AccessToken.objects.filter(pk=row.pk).exists()


def test_token__expired__is_dead(client, cast, issuer):
    token = issue(client, issuer, user="bob").json()["token"]
    AccessToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    assert client.get(OWN.format("bob"), headers=bearer(token)).status_code == 401


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (lambda client: disable_client(client, **BY), 401),
        (lambda client: set_client_features(client, [], **BY), 403),
        (lambda client: set_networks(client, ["198.51.100.0/24"], **BY), 403),
    ],
)
def test_token__of_a_client_that_changed__follows_the_client(client, cast, owner, change, status):
    reader = make_client(cast.instance, "direct_read_access")
    token = issue(client, owner, client=reader.client.client_id).json()["token"]

    change(reader.client)

    assert client.get(OWN.format("bob"), headers=bearer(token)).status_code == status


def test_token__of_a_client__costs_one_query(client, cast, django_assert_num_queries):
    reader = make_client(cast.instance, "direct_access", "access_issuer")
    token = issue_token(reader.client, **BY).text
    path = "/v2/features/organization/acme?inheritance=true"
    client.get(path, headers=bearer(token))

    with django_assert_num_queries(3):  # the token, the organization, its lineage
        assert client.get(path, headers=bearer(token)).status_code == 200
