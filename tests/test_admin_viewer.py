"""What the admin offers to somebody who may only read: nothing that would be refused."""

import pytest
from django.urls import reverse

from access.permissions import Role
from access.services import grant_role
from events.models import Event
from features.services import set_features
from tenancy.models import System
from tests.admin_forms import page_of, sign_in, text_of
from tests.factories import BY, make_holder


@pytest.fixture
def cast(cast):
    set_features(cast.acme, {"actions": True}, **BY)
    return cast


@pytest.mark.parametrize(
    ("role", "is_offered"), [(Role.ORG_OWNER, True), (Role.ORG_OWNER_VIEWER, False)]
)
def test_history__by_role__offers_to_undo_what_one_may_change(cast, client, role, is_offered):
    grant_role(cast.bob, role, cast.acme, **BY)
    sign_in(client, cast.bob)

    page = client.get(reverse("admin:owner_history", args=["organization", cast.acme.pk]))

    undo = reverse("admin:undo_event", args=[Event.objects.get(subject="actions").pk])
    assert "actions" in text_of(page)
    assert (undo in text_of(page)) is is_offered


@pytest.mark.parametrize(
    ("role", "is_offered"), [(Role.ORG_OWNER, True), (Role.ORG_OWNER_VIEWER, False)]
)
def test_user__by_role__offers_to_grant_a_role(cast, client, role, is_offered):
    grant_role(cast.bob, role, cast.acme, **BY)
    sign_in(client, cast.bob)

    page = client.get(page_of(cast.alice))

    address = reverse("admin:access_membership_add")
    assert (f'href="{address}?user=' in text_of(page)) is is_offered
    assert client.get(address).status_code == (200 if is_offered else 403)


@pytest.mark.parametrize(
    ("role", "title"),
    [
        (Role.IAM_OWNER, "Instances"),
        (Role.ORG_OWNER, "Organizations"),
        (Role.IAM_USER_MANAGER, "Users"),
        (Role.SYSTEM_OWNER, "Instances"),
    ],
)
def test_overview__by_role__begins_with_the_widest_tenants_that_one_sees(client, cast, role, title):
    place = {Role.ORG_OWNER: cast.acme, Role.SYSTEM_OWNER: System()}.get(role, cast.instance)
    sign_in(client, make_holder(role, place))

    cards = client.get(reverse("admin:index")).context["cards"]

    assert str(cards[0].title) == title
    assert client.get(cards[0].url).status_code == 200
    assert all(client.get(url).status_code == 200 for _text, url, _detail in cards[0].lines)
