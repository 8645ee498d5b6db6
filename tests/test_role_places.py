"""A role on an organization says its instance, too, and is never one on that instance."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.urls import reverse

from access.actors import actor_for
from access.authentication import find_token
from access.models import Membership
from access.permissions import Action, Permission, Resource, Role
from access.policy import allows, may_see
from access.services import grant_role, held_by, held_on
from clients.tokens import issue_token_for
from security.impersonation import find_candidates, may_impersonate
from security.services import set_security_settings
from security.settings import SecuritySettings
from tenancy.models import Instance, InstanceDomain, Organization, System, User
from tenancy.services import create_user
from tests.factories import BY, ORIGIN, make_cast, make_holder, token_for

pytestmark = pytest.mark.django_db

EVERYTHING = [Permission(resource, action) for resource in Resource for action in Action]
ORGANIZATION_ROLES = [role for role in Role if role.value.startswith("ORG_")]


@pytest.fixture
def acme():
    """An organization beside one whose key is that of their instance."""
    instance = Instance.objects.create(pk=7_000, public_id="main", name="Main")
    InstanceDomain.objects.create(instance=instance, domain="testserver")
    Organization.objects.create(pk=7_000, instance=instance, public_id="twin", name="Twin")
    return Organization.objects.create(pk=7_001, instance=instance, public_id="acme", name="Acme")


def actor_of_token(user):
    found = find_token(token_for(user), address="")
    assert found
    return found[0]


def actor_of_issued_token(user):
    root = actor_for(User.objects.create_superuser("root"))
    issued = issue_token_for(
        user,
        permissions=None,
        lifetime=timedelta(days=1),
        description="",
        actor=root,
        origin=ORIGIN,
    )
    found = find_token(issued.text, address="")
    assert found
    return found[0]


@pytest.mark.parametrize("role", ORGANIZATION_ROLES)
@pytest.mark.parametrize("load", [actor_for, actor_of_token, actor_of_issued_token])
def test_role__on_an_organization__gives_nothing_on_its_instance_or_another(acme, role, load):
    twin = Organization.objects.get(public_id="twin")
    elsewhere = [System(), acme.instance, twin, create_user(twin, "carol")]
    holder = create_user(acme, "holder")
    grant_role(holder, role, acme, **BY)

    actor = load(holder)

    here = {permission for permission in EVERYTHING if allows(actor, permission, acme)}
    given = {str(p) for owner in elsewhere for p in EVERYTHING if allows(actor, p, owner)}
    assert here == set(role.permissions)
    assert given == set()
    assert not any(may_see(actor, owner) for owner in elsewhere)


def test_roles__on_an_organization_and_its_instance__are_two(acme):
    holder = create_user(acme, "holder")
    grant_role(holder, Role.ORG_OWNER, acme, **BY)
    grant_role(holder, Role.IAM_OWNER, acme.instance, **BY)

    held = {
        owner: [row.role for row in Membership.objects.filter(user=holder, **held_on(owner))]
        for owner in (System(), acme.instance, acme, Organization.objects.get(public_id="twin"))
    }

    assert list(held.values()) == [[], ["IAM_OWNER"], ["ORG_OWNER"], []]
    assert held_by(holder) == [(Role.ORG_OWNER, acme), (Role.IAM_OWNER, acme.instance)]


def test_impersonator__of_an_organization__reaches_nobody_else_in_the_instance(acme):
    set_security_settings(acme.instance, SecuritySettings(impersonation_enabled=True), **BY)
    twin = Organization.objects.get(public_id="twin")
    here, elsewhere = create_user(acme, "here"), create_user(twin, "elsewhere")
    holder = create_user(acme, "holder")
    grant_role(holder, Role.ORG_ADMIN_IMPERSONATOR, acme, **BY)

    found = find_candidates(holder, "")

    assert found == [here]
    assert [may_impersonate(holder, user) for user in (here, elsewhere)] == [True, False]


def test_admin_roles__viewer_of_the_instance_alone__are_those_on_the_instance(acme, client):
    operator = User.objects.create_user("operator", is_staff=True)
    grant_role(operator, Role.IAM_USER_MANAGER, acme.instance, **BY)
    make_holder(Role.ORG_OWNER, acme)
    grant_role(create_user(acme, "owner"), Role.IAM_OWNER, acme.instance, **BY)
    client.force_login(operator)

    page = client.get(reverse("admin:access_membership_changelist"))

    shown = {(row.user.username, row.role) for row in page.context["cl"].result_list}
    assert shown == {("owner", "IAM_OWNER")}


def test_tenants_list__role_on_the_users_organization__is_written_and_another_is_not(acme):
    twin = Organization.objects.get(public_id="twin")
    holder = create_user(acme, "holder", public_id="holder")
    grant_role(holder, Role.ORG_OWNER, acme, **BY)
    grant_role(holder, Role.ORG_OWNER_VIEWER, twin, **BY)
    out = StringIO()

    call_command("tenants_list", "--type", "user", "--format", "csv", stdout=out)

    assert out.getvalue().splitlines()[1].endswith(",ORG_OWNER")


def test_roles__operator_with_one_organization__sees_its_peoples_roles_on_the_instance(client):
    cast = make_cast()
    operator = User.objects.create_user("operator", public_id="operator", is_staff=True)
    grant_role(operator, Role.ORG_OWNER, cast.acme, **BY)
    held = grant_role(cast.bob, Role.IAM_USER_MANAGER, cast.instance, **BY)
    client.force_login(operator)

    page = client.get(reverse("admin:access_membership_changelist"))

    assert held in page.context["cl"].result_list
