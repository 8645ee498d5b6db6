"""The page of a feature: where it is set and inherited, to each what they may see."""

import pytest
from django.urls import reverse

from features.models import Feature
from features.services import set_features
from tenancy.models import User
from tests.factories import BY


@pytest.fixture
def cast(cast, client):
    User.objects.filter(pk=cast.alice.pk).update(is_staff=True)
    client.force_login(cast.root)
    return cast


def test_feature_page__overridden__counts_owners_on_off_and_inherited(cast, client):
    set_features(cast.acme, {"actions": True}, **BY)
    set_features(cast.globex, {"actions": False}, **BY)
    set_features(cast.bob, {"actions": True}, **BY)
    feature = Feature.objects.get(key="actions")

    bars = client.get(reverse("admin:features_feature_change", args=[feature.pk])).context["bars"]

    counts = {bar.level.label: bar.counts for bar in bars}
    assert counts["organization"] == {"on": 1, "off": 1, "set": 0, "inherits": 0}
    assert counts["user"] == {"on": 1, "off": 0, "set": 0, "inherits": User.objects.count() - 1}


def test_feature_page__owner_of_an_organization__counts_their_own_only(cast, client):
    set_features(cast.globex, {"actions": True}, **BY)
    set_features(cast.carol, {"actions": True}, **BY)
    set_features(cast.instance, {"actions": True}, **BY)
    feature = Feature.objects.get(key="actions")
    client.force_login(cast.alice)

    context = client.get(reverse("admin:features_feature_change", args=[feature.pk])).context

    counts = {bar.level.label: bar.counts["on"] for bar in context["bars"]}
    assert counts == {"organization": 0, "user": 0}
    assert list(context["events"]) == []
    assert context["changes"] == 0
