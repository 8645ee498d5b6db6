from django.urls import reverse

from access.permissions import Role
from access.role_texts import ROLE_SAYS, role_choices
from tests.factories import make_cast


def test_role_texts__of_every_role__say_what_it_may_do():
    assert set(ROLE_SAYS) == set(Role)


def test_role_choices__parted_by_level__offer_every_role():
    offered = [name for _, names in role_choices() for name, _ in names]

    assert sorted(offered) == sorted(Role)


def test_grant_page__for_whoever_picks_a_role__says_what_each_may_do(client, db):
    client.force_login(make_cast().root)

    page = client.get(reverse("admin:access_membership_add"))

    assert "Sees everything in the organization and changes nothing." in page.content.decode()
