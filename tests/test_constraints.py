"""What the database itself refuses, whatever the code would do."""

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from access.models import AccessToken, Membership
from features.models import Feature, InstanceOverride, OrganizationOverride, UserOverride
from tenancy.models import System, User
from tenancy.services import create_user
from tests.factories import make_cast, make_client

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast():
    return make_cast("main.example.com")


def refused_by_the_database(write):
    """Whether the database refuses a write, at the latest when the transaction would end."""
    try:
        with transaction.atomic():
            write()
            connection.check_constraints()
    except IntegrityError:
        return True
    return False


def override(model, **fields):
    fields = {"feature_id": Feature.objects.get(key="actions").pk, "value": True} | fields
    return lambda: model.objects.create(changed_at=timezone.now(), **fields)


REFUSED_BY_THE_DATABASE = {
    "an organization's role on nothing": lambda c: Membership.objects.create(
        user=c.bob, role="ORG_OWNER"
    ),
    "an organization's role on an instance": lambda c: Membership.objects.create(
        user=c.bob, role="ORG_OWNER", instance=c.instance
    ),
    "an organization's role without the instance": lambda c: Membership.objects.create(
        user=c.bob, role="ORG_OWNER", organization=c.acme
    ),
    "an instance's role on an organization": lambda c: Membership.objects.create(
        user=c.bob, role="IAM_OWNER", instance=c.instance, organization=c.acme
    ),
    "an instance's role on an organization alone": lambda c: Membership.objects.create(
        user=c.bob, role="IAM_OWNER", organization=c.acme
    ),
    "a system role on an instance": lambda c: Membership.objects.create(
        user=c.bob, role="SYSTEM_OWNER", instance=c.instance
    ),
    "an unknown role": lambda c: Membership.objects.create(user=c.bob, role="KING"),
    "the same role twice": lambda c: [
        Membership.objects.create(user=c.bob, role="SYSTEM_OWNER") for _ in range(2)
    ],
    "the same role on an instance twice": lambda c: [
        Membership.objects.create(user=c.bob, role="IAM_OWNER", instance=c.instance)
        for _ in range(2)
    ],
    "the same role on an organization twice": lambda c: [
        Membership.objects.create(
            user=c.bob, role="ORG_OWNER", instance=c.instance, organization=c.acme
        )
        for _ in range(2)
    ],
    "a user of an instance alone": lambda c: User.objects.filter(pk=c.bob.pk).update(
        organization=None
    ),
    "a user of an organization alone": lambda c: User.objects.filter(pk=c.bob.pk).update(
        instance=None
    ),
    "two users of one id": lambda c: User.objects.filter(pk=c.bob.pk).update(public_id="carol"),
    "two users of one name": lambda c: User.objects.filter(pk=c.bob.pk).update(username="carol"),
    "two operators of one name": lambda c: User.objects.create(username="root"),
    "two operators of one id": lambda c: User.objects.create(username="x", public_id="root"),
    "a second system": lambda c: System.objects.create(pk=2),
    "a client's token without the instance": lambda c: AccessToken.objects.create(
        digest="0", prefix="x", expires_at=timezone.now(), client=make_client(c.instance).client
    ),
    "a token of nobody": lambda c: AccessToken.objects.create(
        digest="0", prefix="x", expires_at=timezone.now()
    ),
    "an override of no user": lambda c: override(UserOverride, owner_id=10**9)(),
    "an override of no organization": lambda c: override(
        OrganizationOverride, owner_id=10**9, instance=c.instance
    )(),
    "an override of an organization of nowhere": lambda c: override(
        OrganizationOverride, owner=c.acme
    )(),
    "an override of no instance": lambda c: override(InstanceOverride, owner_id=10**9)(),
    "an override of no feature": lambda c: override(
        UserOverride, owner_id=c.bob.pk, feature_id=10**9
    )(),
    "two overrides of one feature": lambda c: [
        override(UserOverride, owner_id=c.bob.pk)() for _ in range(2)
    ],
}


@pytest.mark.parametrize("write", REFUSED_BY_THE_DATABASE.values(), ids=REFUSED_BY_THE_DATABASE)
def test_database__write_that_fits_nothing__is_refused(cast, write):
    assert refused_by_the_database(lambda: write(cast))


def test_database__writes_that_fit__are_taken(cast):
    assert not refused_by_the_database(override(UserOverride, owner_id=cast.bob.pk))
    assert not refused_by_the_database(
        lambda: Membership.objects.create(user=cast.bob, role="SYSTEM_OWNER")
    )
    assert not refused_by_the_database(
        lambda: Membership.objects.create(
            user=cast.bob, role="ORG_OWNER", instance=cast.instance, organization=cast.acme
        )
    )
    assert not refused_by_the_database(
        lambda: create_user(cast.globex, "bob-of-globex", public_id="bob2")
    )
