"""What the admin costs: pages take the same queries however much there is."""

import pytest
from django.urls import reverse

from features.models import Feature
from features.services import set_features
from tenancy.models import User
from tenancy.revision import touch_revision
from tenancy.services import create_organization, create_user
from tests.admin_forms import grid_of
from tests.factories import BY


@pytest.fixture
def cast(cast, client):
    User.objects.filter(pk=cast.alice.pk).update(is_staff=True)
    client.force_login(cast.root)
    return cast


def test_grid__many_features__costs_the_same_queries_and_shows_a_page(
    cast, client, django_assert_num_queries
):
    set_features(cast.bob, {"actions": True}, **BY)
    client.get(grid_of(cast.bob))  # what is kept by revision is read once
    with django_assert_num_queries(8):
        client.get(grid_of(cast.bob))
    Feature.objects.bulk_create(
        Feature(key=f"f{n}", json_name=f"f{n}", name=f"F {n}", kind="boolean", default=False)
        for n in range(300)
    )
    touch_revision()
    for n in range(30):
        set_features(cast.bob, {f"f{n}": True}, **BY)
    client.get(grid_of(cast.bob))

    with django_assert_num_queries(8):
        response = client.get(grid_of(cast.bob))

    assert sum(len(rows) for _stage, rows in response.context["groups"]) == 50


@pytest.mark.parametrize(
    ("name", "limit"), [("history", 10), ("overrides", 16), ("index", 22), ("search", 20)]
)
def test_page__more_rows__costs_the_same_queries(
    cast, client, name, limit, django_assert_max_num_queries
):
    for number in range(12):
        organization = create_organization(cast.instance, f"Organization {number}")
        user = create_user(organization, f"user{number}")
        set_features(organization, {"actions": True}, **BY)
        set_features(user, {"actions": False}, **BY)

    with django_assert_max_num_queries(limit):
        response = client.get(reverse(f"admin:{name}"), {"q": "user", "level": "user"})

    assert response.status_code == 200
