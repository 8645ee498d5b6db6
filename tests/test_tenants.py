"""Changing who exists: what is recorded, what is refused."""

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from access.actors import actor_for
from access.permissions import Role
from access.policy import may_grant
from access.tenants import (
    change_tenant,
    create_organization,
    create_user,
    delete_tenant,
    set_domains,
)
from events.models import Event
from features.services import get_features, lock_feature, overrides_of, set_features
from tenancy.levels import Level
from tenancy.models import Organization, System, User
from tenancy.revision import current_revision
from tests.factories import BY, change_feature, make_cast, make_holder

pytestmark = pytest.mark.django_db


def recorded(*kinds):
    kinds = kinds or ("instance.tenant", "organization.tenant", "user.tenant")
    events = Event.objects.filter(stream__kind__in=kinds).order_by("id")
    return [(event.type, event.subject, event.before, event.after) for event in events]


def test_create_organization__new_id__is_recorded():
    cast = make_cast()

    organization = create_organization(cast.instance, "Initech", public_id="initech", **BY)

    assert organization.reference == "organization:main/initech"
    assert recorded() == [("tenants.created", "", None, "Initech")]


@pytest.mark.parametrize("taken", [{"public_id": "bob"}, {"username": "bob"}])
def test_create_user__taken_within_the_instance__refused_and_unrecorded(taken):
    cast = make_cast()

    with pytest.raises(ValidationError):
        create_user(cast.globex, **({"username": "new", "public_id": "new"} | taken), **BY)

    assert recorded() == []


def test_change_tenant__some_fields_differ__those_alone_are_recorded():
    cast = make_cast()

    change_tenant(cast.bob, {"name": "Bob B.", "email": "", "is_active": False}, **BY)

    assert User.objects.get(public_id="bob").name == "Bob B."
    assert recorded() == [
        ("tenants.changed", "name", "", "Bob B."),
        ("tenants.changed", "is_active", True, False),
    ]


@pytest.mark.parametrize("field", ["public_id", "organization", "is_superuser", "password"])
def test_change_tenant__field_that_stays__refused(field):
    cast = make_cast()

    with pytest.raises(ValidationError, match="can't be changed"):
        change_tenant(cast.bob, {"name": "x", field: "x"}, **BY)

    assert User.objects.get(public_id="bob").name == ""


def test_set_domains__changed__are_recorded_as_they_are_compared():
    cast = make_cast()

    set_domains(cast.instance, ["Strata.Example", "testserver"], **BY)

    assert recorded()[-1][1:] == ("domains", ["testserver"], ["strata.example", "testserver"])


def test_delete_tenant__organization_with_users__refused():
    cast = make_cast()

    with pytest.raises(ValidationError, match="delete that first"):
        delete_tenant(cast.acme, **BY)

    assert Organization.objects.filter(public_id="acme").exists()
    assert recorded() == []


def test_delete_tenant__comes_back_with_the_same_id__sequence_goes_on():
    cast = make_cast()
    set_features(cast.carol, {"user_schema": True}, **BY)

    delete_tenant(cast.carol, **BY)
    again = create_user(cast.globex, "carol", public_id="carol", **BY)

    features = get_features(again)
    assert features.details.position.sequence == 2
    assert all(value.effective.value is not True for value in features.values)


def test_delete_tenant__with_overrides__records_that_each_ended():
    cast = make_cast()
    set_features(cast.carol, {"user_schema": True, "actions": False}, **BY)
    lock_feature(cast.carol, "actions", **BY)
    change_feature("actions", archived_at=timezone.now())

    delete_tenant(cast.carol, **BY)

    assert recorded("user")[-2:] == [
        ("features.reset", "user_schema", True, None),
        ("features.reset", "actions", False, None),
    ]
    assert Event.objects.get(type="features.reset", subject="actions").locked_before


def test_delete_tenant__refused__leaves_the_overrides():
    cast = make_cast()
    set_features(cast.acme, {"user_schema": True}, **BY)

    with pytest.raises(ValidationError):
        delete_tenant(cast.acme, **BY)

    assert [stored.value for stored in overrides_of(cast.acme).values()] == [True]
    assert [event[0] for event in recorded("organization")] == ["features.set"]


def test_change_tenant__bad_value__leaves_the_object_as_it_was():
    cast = make_cast()

    with pytest.raises(ValidationError):
        change_tenant(cast.bob, {"email": "nonsense", "name": "Robert"}, **BY)

    assert (cast.bob.email, cast.bob.name) == ("", "")


def test_tenants__of_an_instance__alone_raise_the_revision():
    cast = make_cast()
    before = current_revision()

    change_tenant(cast.bob, {"name": "Bob B."}, **BY)
    change_tenant(cast.acme, {"name": "Acme Inc."}, **BY)
    delete_tenant(cast.carol, **BY)
    delete_tenant(cast.globex, **BY)
    untouched = current_revision()
    change_tenant(cast.instance, {"name": "Mainland"}, **BY)

    assert untouched == before
    assert current_revision() != before


@pytest.mark.parametrize(
    ("holds", "role", "may"),
    [
        (Role.IAM_OWNER, Role.IAM_OWNER, True),
        (Role.IAM_OWNER, Role.ORG_OWNER, True),
        (Role.IAM_OWNER, Role.SYSTEM_OWNER, False),
        (Role.IAM_OWNER_VIEWER, Role.IAM_OWNER_VIEWER, False),
        (Role.ORG_OWNER, Role.ORG_OWNER, True),
        (Role.ORG_OWNER, Role.IAM_OWNER, False),
        (Role.ORG_OWNER, Role.IAM_LOGIN_CLIENT, False),
        (Role.IAM_ORG_MANAGER, Role.ORG_OWNER, False),
    ],
)
def test_may_grant__role_wider_than_the_own__no(holds, role, may):
    cast = make_cast()
    places = {Level.SYSTEM: System(), Level.INSTANCE: cast.instance, Level.ORGANIZATION: cast.acme}
    holder = make_holder(holds, places[holds.level])

    assert may_grant(actor_for(holder), role, places[role.level]) is may
