"""What ends an impersonation beside its time and the setting: a new role, and a deletion."""

import pytest

from access.models import Impersonation
from access.permissions import Role
from access.services import grant_role
from access.tenants import delete_tenant
from events.models import Event
from security.impersonation import start_impersonation
from security.services import patch_security_settings
from tenancy.models import System
from tests.factories import BY, ORIGIN, make_holder, token_for

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast(cast):
    patch_security_settings(cast.instance, {"impersonation_enabled": True}, **BY)
    return cast


@pytest.fixture
def ina(cast):
    return make_holder(Role.IAM_ADMIN_IMPERSONATOR, cast.instance, "ina")


def test_grant_role__to_somebody_impersonated__ends_it_with_a_record(cast, ina):
    started = start_impersonation(ina, cast.bob, origin=ORIGIN)
    other = start_impersonation(ina, cast.carol, origin=ORIGIN)

    grant_role(cast.bob, Role.SYSTEM_OWNER, System(), **BY)

    assert list(Impersonation.objects.filter(ended_at=None)) == [other]
    assert Event.objects.get(type="impersonation.ended").subject == started.subject.public_id


def test_grant_role__held_already__ends_nothing(cast, ina):
    start_impersonation(ina, cast.alice, origin=ORIGIN)

    grant_role(cast.alice, Role.ORG_OWNER, cast.acme, **BY)

    assert Impersonation.objects.get().ended_at is None


@pytest.mark.parametrize("who", ["subject", "impersonator"])
def test_delete_tenant__somebody_who_takes_part__is_recorded_as_its_end(cast, ina, who):
    start_impersonation(ina, cast.bob, origin=ORIGIN)

    delete_tenant(cast.bob if who == "subject" else ina, **BY)

    assert Event.objects.get(type="impersonation.ended").subject == "bob"


def test_api__called_from_a_browser_whose_impersonation_has_ended__is_no_dropped_form(
    client, cast, ina
):
    ina.is_staff = True
    ina.save()
    client.force_login(ina, "access.backends.InstanceBackend")
    client.post(f"/impersonation/start/{cast.bob.pk}/")
    patch_security_settings(cast.instance, {"impersonation_enabled": False}, **BY)

    answer = client.put(
        "/v2/features/system",
        {"actions": True},
        content_type="application/json",
        headers={"Authorization": f"Bearer {token_for(cast.root)}"},
    )

    assert answer.status_code == 200
