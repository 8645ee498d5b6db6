"""The admin's pages of roles and tokens."""

import pytest
from django.urls import reverse

from access.models import AccessToken, Membership
from access.permissions import Role
from access.services import grant_role
from events.models import Event
from tenancy.models import User
from tests.admin_forms import page_of, sign_in
from tests.factories import BY, make_holder, token_for


@pytest.fixture
def cast(cast, client):
    User.objects.filter(pk=cast.alice.pk).update(is_staff=True)
    client.force_login(cast.root)
    return cast


def test_role__granted_and_taken_away__is_recorded(cast, client):
    form = {"user": "bob", "role": "ORG_USER_MANAGER", "owner": "Acme"}

    client.post(reverse("admin:access_membership_add"), form)
    membership = Membership.objects.get(user=cast.bob)
    client.post(page_of(membership), {"do": "revoke"})

    assert (membership.role, membership.organization) == ("ORG_USER_MANAGER", cast.acme)
    assert not Membership.objects.filter(user=cast.bob).exists()
    types = Event.objects.filter(stream__kind="user.roles", stream__owner="bob").order_by("pk")
    assert [event.type for event in types] == ["roles.granted", "roles.revoked"]


@pytest.mark.parametrize(
    ("user", "role", "owner"),
    [
        ("bob", "IAM_OWNER", "Main"),
        ("bob", "SYSTEM_OWNER", ""),
        ("bob", "ORG_OWNER", "Globex"),
        ("carol", "ORG_OWNER", "Acme"),
        ("bob", "ORG_OWNER", ""),
    ],
)
def test_role__granted_by_who_may_not__is_not_held(cast, client, user, role, owner):
    client.force_login(cast.alice)
    before = Membership.objects.count()

    client.post(
        reverse("admin:access_membership_add"), {"user": user, "role": role, "owner": owner}
    )

    assert Membership.objects.count() == before


def test_role__wider_than_the_own__cannot_be_taken_away(cast, client):
    held = grant_role(cast.bob, Role.ORG_OWNER, cast.acme, **BY)
    sign_in(client, make_holder(Role.ORG_OWNER_VIEWER, cast.acme))

    assert client.post(page_of(held), {"do": "revoke"}).status_code == 403
    assert Membership.objects.filter(pk=held.pk).exists()


def test_token__ended__is_dead(cast, client):
    token_for(cast.bob)
    token = AccessToken.objects.latest("pk")

    client.post(page_of(token), {"do": "end"})

    assert not AccessToken.objects.filter(pk=token.pk).exists()
