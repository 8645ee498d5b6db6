"""Who may end a user, or a user's sign-in: who may take every role that the user holds."""

import pytest
from django.urls import reverse

from access.permissions import Role
from access.services import grant_role
from access.tenants import change_tenant
from events.models import Event
from tenancy.models import System, User
from tests.factories import BY, make_holder, token_for

pytestmark = pytest.mark.django_db


def call(client, verb, user, body=None, *, by):
    return client.generic(
        verb,
        f"/api/v1/users/{user.public_id}",
        "" if body is None else body,
        content_type="application/json",
        headers={"Authorization": f"Bearer {token_for(by)}"},
    )


@pytest.mark.parametrize("role", [Role.IAM_OWNER, Role.IAM_ADMIN_IMPERSONATOR, Role.SYSTEM_OWNER])
def test_delete__user_who_may_more__is_refused(client, cast, role):
    place = System() if role is Role.SYSTEM_OWNER else cast.instance
    grant_role(cast.bob, role, place, **BY)

    deleted = call(client, "DELETE", cast.bob, by=cast.alice)
    silenced = call(client, "PATCH", cast.bob, '{"is_active": false}', by=cast.alice)

    assert [answer.status_code for answer in (deleted, silenced)] == [403, 403]
    assert "missing permission membership.write" in deleted.json()["message"]
    assert User.objects.get(public_id="bob").is_active


def test_change__name_of_a_user_who_may_more__is_done(client, cast):
    grant_role(cast.bob, Role.IAM_OWNER, cast.instance, **BY)
    body = '{"name": "Robert", "is_active": true, "username": "bob"}'

    assert call(client, "PATCH", cast.bob, body, by=cast.alice).status_code == 200
    assert User.objects.get(public_id="bob").name == "Robert"


def test_delete__owner_of_the_organization_by_its_user_manager__is_refused(client, cast):
    manager = make_holder(Role.ORG_USER_MANAGER, cast.acme)

    refused = call(client, "DELETE", cast.alice, by=manager)
    done = call(client, "DELETE", cast.bob, by=manager)

    assert [answer.status_code for answer in (refused, done)] == [403, 204]


def test_delete__equal_by_equal__is_done(client, cast):
    other = make_holder(Role.ORG_OWNER, cast.acme)

    assert call(client, "DELETE", other, by=cast.alice).status_code == 204


def test_page__of_a_user_who_may_more__changes_no_sign_in(client, cast):
    User.objects.filter(pk=cast.alice.pk).update(is_staff=True)
    grant_role(cast.bob, Role.IAM_OWNER, cast.instance, **BY)
    client.force_login(cast.alice, "access.backends.InstanceBackend")
    page = reverse("admin:tenancy_user_change", args=[cast.bob.pk])

    client.post(page, {"username": "robert", "name": "Robert"})
    deleted = client.post(page, {"do": "delete", "confirm": "bob"})

    bob = User.objects.get(public_id="bob")
    assert (bob.username, bob.name, bob.is_active) == ("bob", "Robert", True)
    assert deleted.status_code == 403


def test_undo__of_a_sign_in_of_a_user_who_may_more__is_refused(client, cast):
    change_tenant(cast.bob, {"is_staff": True}, **BY)
    grant_role(cast.bob, Role.IAM_OWNER, cast.instance, **BY)
    event = Event.objects.get(type="tenants.changed")

    answer = client.post(
        f"/api/v1/events/{event.pk}/undo",
        "{}",
        content_type="application/json",
        headers={"Authorization": f"Bearer {token_for(cast.alice)}"},
    )

    assert answer.status_code == 403
    assert User.objects.get(public_id="bob").is_staff
