"""Setting a user's password: in the admin and by the management API, by who may, with a record."""

import json

import pytest
from django.test import Client
from django.urls import reverse

from access.permissions import Role
from access.services import grant_role
from events.models import Event
from security.services import set_security_settings
from security.settings import SecuritySettings
from tenancy.models import System, User
from tests.admin_forms import page_of, sign_in, text_of
from tests.factories import BY, basic, make_client, make_holder, token_for

pytestmark = pytest.mark.django_db

PASSWORD = "quite a long pass phrase"
SET = {"password": PASSWORD, "password_again": PASSWORD}


def address_of(user):
    return reverse("admin:user_password", args=[user.pk])


def has_password(user, password=PASSWORD):
    return User.objects.get(pk=user.pk).check_password(password)


def put(client, token, user, body):
    headers = token if isinstance(token, dict) else {"Authorization": f"Bearer {token}"}
    return client.put(
        f"/api/v1/passwords/{user}", body, content_type="application/json", headers=headers
    )


def test_password__set_in_the_admin__signs_in_and_is_recorded_without_it(cast, client):
    sign_in(client, cast.alice)

    page = client.post(address_of(cast.bob), SET, follow=True)

    assert "bob has a new password" in text_of(page)
    assert PASSWORD not in text_of(page)
    assert has_password(cast.bob)
    event = Event.objects.get(type="tenants.password_set")
    assert (event.stream.kind, event.stream.owner) == ("user.tenant", "bob")
    assert (event.actor_id, event.surface, event.before, event.after) == (
        *("alice", "admin", None),
        None,
    )
    assert PASSWORD not in str(list(Event.objects.values()))


def test_password__set__ends_the_sessions_of_that_user_alone(cast, client):
    theirs, others = Client(), Client()
    sign_in(theirs, cast.bob)
    sign_in(others, cast.carol)
    sign_in(client, cast.root)

    client.post(address_of(cast.bob), SET)

    overview = reverse("admin:index")
    assert theirs.get(overview).status_code == 302
    assert others.get(overview).status_code == 200
    assert client.get(overview).status_code == 200


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"password": "tiny word", "password_again": "tiny word"}, "too short"),
        ({"password": "123456789012345", "password_again": "123456789012345"}, "entirely numeric"),
        ({"password": "bob@acme.example", "password_again": "bob@acme.example"}, "too similar"),
        ({"password": PASSWORD, "password_again": "another long pass"}, "two different"),
        ({"password": "", "password_again": ""}, "required"),
        ({"password": "x y " * 400, "password_again": "x y " * 400}, "at most 1000"),
    ],
)
def test_password__that_is_none__is_refused_with_the_reason(cast, client, typed, said):
    User.objects.filter(pk=cast.bob.pk).update(email="bob@acme.example")
    sign_in(client, cast.root)

    page = client.post(address_of(cast.bob), typed)

    assert said in text_of(page)
    assert typed["password"] == "" or typed["password"] not in text_of(page)
    assert not has_password(cast.bob, typed["password"])
    assert not Event.objects.filter(type="tenants.password_set").exists()


# Who holds what, whose password, and whether they may: never one that opens more than they may.
PAIRS = [
    (Role.ORG_OWNER, None, True),
    (Role.ORG_USER_MANAGER, None, True),
    (Role.IAM_USER_MANAGER, None, True),
    (Role.IAM_OWNER, None, True),
    (Role.ORG_OWNER, Role.ORG_USER_MANAGER, True),
    (Role.IAM_OWNER, Role.ORG_OWNER, True),
    (Role.IAM_OWNER, Role.IAM_ADMIN_IMPERSONATOR, True),
    (Role.ORG_OWNER_VIEWER, None, False),
    (Role.ORG_SETTINGS_MANAGER, None, False),
    (Role.ORG_USER_MANAGER, Role.ORG_OWNER, False),
    (Role.IAM_USER_MANAGER, Role.ORG_OWNER, False),
    (Role.ORG_OWNER, Role.IAM_USER_MANAGER, False),
    (Role.ORG_OWNER, Role.ORG_ADMIN_IMPERSONATOR, False),
    (Role.IAM_OWNER, Role.SYSTEM_OWNER, False),
]


@pytest.mark.parametrize(("holds", "theirs", "may"), PAIRS)
def test_password__set_by_a_role__only_where_it_could_grant_all_they_hold(
    cast, client, holds, theirs, may
):
    places = {"ORG": cast.acme, "IAM": cast.instance}
    holder = make_holder(holds, places[holds.value.split("_")[0]], "holder")
    if theirs:
        place = places.get(theirs.value.split("_")[0], System())
        grant_role(cast.bob, theirs, place, **BY)
    sign_in(client, holder)

    answer = put(client, token_for(holder), "bob", {"password": "another long pass"})
    page = client.get(page_of(cast.bob))
    posted = client.post(address_of(cast.bob), SET)

    assert (answer.status_code == 204, posted.status_code == 302) == (may, may)
    assert has_password(cast.bob) is may
    assert (address_of(cast.bob) in text_of(page)) is may


def test_password__of_a_superuser__only_by_one(cast, client):
    boss = User.objects.create_superuser("boss", public_id="boss")
    inside = cast.carol
    User.objects.filter(pk=inside.pk).update(is_superuser=True)
    sign_in(client, make_holder(Role.IAM_OWNER, cast.instance))

    assert client.post(address_of(boss), SET).status_code == 404
    assert client.post(address_of(inside), SET).status_code == 403
    client.force_login(cast.root)
    assert client.post(address_of(boss), SET).status_code == 302
    assert has_password(boss)


def test_password__of_another_organizations_user__does_not_exist(cast, client):
    sign_in(client, cast.alice)

    assert client.get(address_of(cast.carol)).status_code == 404
    assert client.post(address_of(cast.carol), SET).status_code == 404
    assert put(client, token_for(cast.alice), "carol", {"password": PASSWORD}).status_code == 403
    assert put(client, token_for(cast.alice), "nobody", {"password": PASSWORD}).status_code == 403
    assert not has_password(cast.carol)


def test_own_password__in_the_admin__takes_the_one_of_now_and_is_recorded(cast, client):
    cast.root.set_password("the one before this")
    cast.root.save()
    client.force_login(cast.root)
    other = Client()
    other.force_login(cast.root)
    new = {"new_password1": PASSWORD, "new_password2": PASSWORD}
    change = reverse("admin:password_change")

    assert client.post(address_of(cast.root), SET).url == change
    client.post(change, new | {"old_password": "wrong"})
    assert not has_password(cast.root)
    done = client.post(change, new | {"old_password": "the one before this"}, follow=True)

    assert has_password(cast.root)
    assert done.status_code == 200
    assert client.get(reverse("admin:index")).status_code == 200
    assert other.get(reverse("admin:index")).status_code == 302
    assert Event.objects.get(type="tenants.password_set").actor_id == "root"


def test_password_api__set__signs_in_and_is_recorded(cast, client):
    answer = put(client, token_for(cast.alice), "bob", {"password": PASSWORD})

    assert (answer.status_code, answer.content) == (204, b"")
    assert has_password(cast.bob)
    assert Event.objects.get(type="tenants.password_set").surface == "api"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"password": "short"}, "password: This password is too short"),
        ({}, "password"),
        ({"password": None}, "password"),
        ({"password": 123456789012}, "must be a string"),
        ({"password": ""}, "password"),
        ({"password": PASSWORD, "old": "x"}, "there is no such field"),
        ({"password": f"{PASSWORD}\0"}, "password"),
        ({"password": "x" * 1001}, "password"),
    ],
)
def test_password_api__bad_body__names_what_is_wrong(cast, client, body, said):
    answer = put(client, token_for(cast.root), "bob", body)

    assert answer.status_code == 400
    assert said in answer.json()["message"]
    assert not Event.objects.filter(type="tenants.password_set").exists()


def test_password_api__lone_surrogate__is_a_bad_request(cast, client):
    body = json.dumps({"password": f"{PASSWORD} \ud800"})

    assert put(client, token_for(cast.root), "bob", body).status_code == 400


def test_password_api__unknown_user__is_told_to_who_may_all_of_the_instance(cast, client):
    answer = put(client, token_for(cast.root), "nobody", {"password": PASSWORD})

    assert answer.status_code == 404


@pytest.mark.parametrize("feature", ["owner", "direct_access", "access_issuer"])
def test_password_api__client__is_no_administrator_of_people(cast, client, feature):
    credentials = basic(make_client(cast.instance, feature))

    answer = put(client, credentials, "bob", {"password": PASSWORD})

    assert answer.status_code == 403
    assert not has_password(cast.bob)


def test_password_api__narrow_token_of_a_superuser__does_not_open_a_superuser(cast, client):
    User.objects.filter(pk=cast.carol.pk).update(is_superuser=True)
    token = token_for(cast.root, permissions=["user.write", "user.feature.read"])

    assert put(client, token, "bob", {"password": PASSWORD}).status_code == 204
    assert put(client, token, "carol", {"password": PASSWORD}).status_code == 403


def test_password__in_somebody_elses_name__is_never_set(cast, client):
    set_security_settings(cast.instance, SecuritySettings(impersonation_enabled=True), **BY)
    impersonator = make_holder(Role.IAM_ADMIN_IMPERSONATOR, cast.instance)
    User.objects.filter(pk=cast.alice.pk).update(is_staff=True)
    sign_in(client, impersonator)
    client.post(reverse("impersonation_start", args=[cast.alice.pk]))

    assert client.get(page_of(cast.bob)).status_code == 200
    assert client.post(address_of(cast.bob), SET).status_code == 403
    assert client.get(reverse("admin:password_change")).status_code == 403
    assert not has_password(cast.bob)
