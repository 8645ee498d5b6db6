"""An instance keeps an owner among its API clients, however its owners end."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from clients.services import disable_client, set_client_features, set_expiry
from tests.factories import BY, make_cast, make_client

pytestmark = pytest.mark.django_db

LEFT = "the instance would be left without an owner"
TAKE_AWAY = {
    "demoting": lambda client: set_client_features(client, ["direct_access"], **BY),
    "disabling": lambda client: disable_client(client, **BY),
    "ending earlier": lambda client: set_expiry(client, in_days(1), **BY),
}


def in_days(days):
    return timezone.now() + timedelta(days=days)


def make_owners(*days):
    """Make owners of one instance that end in so many days; None lasts."""
    instance = make_cast().instance
    owners = [make_client(instance, "owner", description=str(number)).client for number in days]
    for client, number in zip(owners, days, strict=True):
        type(client).objects.filter(pk=client.pk).update(
            expires_at=in_days(number) if number else None
        )
        client.refresh_from_db()
    return owners


@pytest.mark.parametrize("act", TAKE_AWAY.values(), ids=list(TAKE_AWAY))
@pytest.mark.parametrize("days", [(None, 30), (60, 30)])
def test_owner__the_other_ends_sooner__stays(act, days):
    first, _second = make_owners(*days)

    with pytest.raises(ValidationError, match=LEFT):
        act(first)


@pytest.mark.parametrize("act", TAKE_AWAY.values(), ids=list(TAKE_AWAY))
@pytest.mark.parametrize("days", [(30, None), (30, 60), (None, None)])
def test_owner__the_other_lasts_as_long__may_go(act, days):
    first, _second = make_owners(*days)

    changed = act(first)

    assert changed.disabled or changed.expires_at or changed.feature_names == ["direct_access"]


def test_set_expiry__the_only_owner__may_only_end_later():
    [client] = make_owners(30)

    assert set_expiry(client, in_days(60), **BY).expires_at > in_days(59)
    assert set_expiry(client, None, **BY).expires_at is None
    with pytest.raises(ValidationError, match=LEFT):
        set_expiry(client, in_days(90), **BY)
