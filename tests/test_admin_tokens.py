"""A user's bearer tokens in the admin: issued, shown once, ended."""

import re

import pytest
from django.urls import reverse

from access.models import AccessToken
from access.permissions import Role
from access.services import digest_of, grant_role, issue_token
from events.models import Event
from tenancy.models import System
from tests.admin_forms import sign_in, text_of
from tests.factories import BY, make_holder

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast(cast, client):
    client.force_login(cast.root)
    return cast


def tokens_of(user):
    return reverse("admin:owner_tokens", args=["user", user.pk])


def issue(client, user, **typed):
    nonce = client.get(tokens_of(user)).context["nonce"]
    body = {"do": "issue", "nonce": nonce, "expires_in_days": "30", "permissions": ""}
    return client.post(tokens_of(user), body | {"description": "phone"} | typed)


def secret_in(page):
    found = re.search(r'id="secret" class="secret">([^<]+)<', text_of(page))
    return found and found.group(1)


def test_token__issued__is_shown_once_works_and_is_recorded_without_itself(cast, client):
    page = issue(client, cast.bob)
    secret = secret_in(page)

    assert "no-store" in page["Cache-Control"]
    row = AccessToken.objects.get()
    assert (row.user, row.digest, row.description) == (cast.bob, digest_of(secret), "phone")
    headers = {"Authorization": f"Bearer {secret}"}
    assert client.get("/v2/features/user/bob?inheritance=true", headers=headers).status_code == 200
    assert secret not in text_of(client.get(tokens_of(cast.bob)))
    event = Event.objects.get(type="tokens.issued")
    assert (event.actor_id, event.surface, event.stream.kind) == ("root", "admin", "user.token")
    assert secret not in str(list(Event.objects.values()))


def test_token__form_sent_twice__issues_one(cast, client):
    nonce = client.get(tokens_of(cast.bob)).context["nonce"]
    body = {"do": "issue", "nonce": nonce, "expires_in_days": "30"}

    first, again = (client.post(tokens_of(cast.bob), body, follow=True) for _ in range(2))

    assert secret_in(first)
    assert "sent already" in text_of(again)
    assert AccessToken.objects.count() == 1


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"expires_in_days": "0"}, "greater than or equal to 1"),
        ({"expires_in_days": "366"}, "less than or equal to 365"),
        ({"expires_in_days": "soon"}, "whole number"),
        ({"permissions": "org.feature.reed"}, "Did you mean|did you mean"),
        ({"permissions": "org.feature.write"}, "does not have"),
        ({"description": "x" * 201}, "at most 200"),
        ({"description": "a\0b"}, "Null characters"),
    ],
)
def test_token__that_cannot_be__is_refused_and_what_was_typed_stays(cast, client, typed, said):
    page = issue(client, cast.bob, **typed)

    assert re.search(said, text_of(page))
    assert 'value="phone"' in text_of(page) or "description" in typed
    assert not AccessToken.objects.exists()


def test_token__permissions_named__are_those_it_has(cast, client):
    grant_role(cast.bob, Role.ORG_OWNER, cast.acme, **BY)

    page = issue(client, cast.bob, permissions="org.feature.read\nuser.read\n")

    assert secret_in(page)
    names = ["org.feature.effective", "org.feature.read", "user.effective", "user.read"]
    assert AccessToken.objects.get().permissions == names


def test_token__ended__is_gone_and_recorded(cast, client):
    issued = issue_token(cast.bob, **BY)

    page = client.post(tokens_of(cast.bob), {"do": "end", "token": issued.row.pk}, follow=True)

    assert "The token is dead" in text_of(page)
    assert not AccessToken.objects.exists()
    assert Event.objects.get(type="tokens.revoked").actor_id == "root"


@pytest.mark.parametrize("number", ["", "x", "0", "9" * 30, "²"])
def test_token__ended_by_a_number_that_is_none__says_so(cast, client, number):
    issue_token(cast.bob, **BY)

    page = client.post(tokens_of(cast.bob), {"do": "end", "token": number}, follow=True)

    assert "There is no such token" in text_of(page)
    assert AccessToken.objects.count() == 1


def test_token__of_another_user__is_not_ended_on_this_ones_page(cast, client):
    issued = issue_token(cast.carol, **BY)

    client.post(tokens_of(cast.bob), {"do": "end", "token": issued.row.pk})

    assert AccessToken.objects.count() == 1


@pytest.mark.parametrize(
    ("role", "sees", "issues"),
    [
        (Role.IAM_OWNER, 200, True),
        (Role.IAM_OWNER_VIEWER, 200, False),
        (Role.IAM_USER_MANAGER, 403, False),
        (Role.ORG_OWNER, 403, False),
    ],
)
def test_tokens__of_a_user__by_role(cast, client, role, sees, issues):
    token = issue_token(cast.bob, **BY).row
    place = cast.acme if role is Role.ORG_OWNER else cast.instance
    sign_in(client, make_holder(role, place))

    page = client.get(tokens_of(cast.bob))
    issued = client.post(tokens_of(cast.bob), {"do": "issue", "expires_in_days": "3"})
    ended = client.post(tokens_of(cast.bob), {"do": "end", "token": token.pk})
    tab = tokens_of(cast.bob) in text_of(
        client.get(reverse("admin:owner_features", args=["user", cast.bob.pk]))
    )

    assert page.status_code == sees
    assert tab is (sees == 200)
    assert (issued.status_code == 403, ended.status_code == 403) == (not issues, not issues)
    assert AccessToken.objects.exists() is not issues


def test_token__for_who_may_more_than_the_issuer__is_no_wider_than_the_issuer(cast, client):
    grant_role(cast.bob, Role.SYSTEM_OWNER_VIEWER, System(), **BY)
    sign_in(client, make_holder(Role.IAM_OWNER, cast.instance))

    page = issue(client, cast.bob, permissions="system.feature.read")

    assert "You may not hand out system.feature.read" in text_of(page)
    assert not AccessToken.objects.exists()


def test_token__of_an_operator__is_issued_by_a_superuser(cast, client):
    page = issue(client, cast.root)

    assert secret_in(page)
    assert AccessToken.objects.get().user == cast.root


def test_tokens__of_what_is_no_user__do_not_exist(cast, client):
    for level, owner in (("organization", cast.acme), ("instance", cast.instance)):
        address = reverse("admin:owner_tokens", args=[level, owner.pk])
        assert client.get(address).status_code == 404
