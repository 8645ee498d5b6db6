"""The admin's pages of tenants: added, changed, deleted, and refused."""

import pytest
from django.urls import reverse

from access.permissions import Role
from events.models import Event
from tenancy.models import Instance, Organization, User
from tests.admin_forms import page_of, sign_in, text_of
from tests.factories import make_holder


@pytest.fixture
def cast(cast, client):
    User.objects.filter(pk=cast.alice.pk).update(is_staff=True)
    client.force_login(cast.root)
    return cast


def test_instance__added__exists_with_its_domains_and_history(cast, client):
    address = reverse("admin:tenancy_instance_add")

    client.post(address, {"name": "Second", "domains": "a.example\nB.example", "public_id": "two"})

    instance = Instance.objects.get(public_id="two")
    assert [str(domain) for domain in instance.domains.all()] == ["a.example", "b.example"]
    assert Event.objects.get(type="tenants.created", stream__owner="two").surface == "admin"


def test_organization__added_by_the_name_of_its_instance__exists_there(cast, client):
    address = reverse("admin:tenancy_organization_add")

    client.post(address, {"parent": "Main", "name": "Initech", "public_id": ""})

    assert Organization.objects.get(name="Initech").instance == cast.instance


def test_user__added__can_sign_in(cast, client):
    address = reverse("admin:tenancy_user_add")
    password = "a quite long pass"

    client.post(
        address, {"parent": "acme", "username": "dora", "password": password, "is_staff": "on"}
    )

    user = User.objects.get(username="dora")
    assert (user.organization, user.is_staff) == (cast.acme, True)
    assert user.check_password(password)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"username": "bob"}, "already exists"),
        ({"parent": "nowhere"}, "Nothing that you may add to"),
        ({"password": "short"}, "too short"),
        ({"public_id": "bob"}, "already exists"),
        ({"email": "no"}, "valid email"),
        ({"public_id": "a\x07b"}, "control characters"),
    ],
)
def test_user__added_with_a_mistake__is_not_made_and_the_page_says_why(cast, client, fields, said):
    before = User.objects.count()

    response = client.post(
        reverse("admin:tenancy_user_add"), {"parent": "acme", "username": "dora"} | fields
    )

    assert said in text_of(response)
    assert User.objects.count() == before


def test_user__added_by_the_owner_of_an_organization__comes_nowhere_else(cast, client):
    client.force_login(cast.alice)
    address = reverse("admin:tenancy_user_add")

    refused = client.post(address, {"parent": "globex", "username": "dora"})
    client.post(address, {"parent": "acme", "username": "dora"})

    assert "Nothing that you may add to" in text_of(refused)
    assert User.objects.get(username="dora").organization == cast.acme


@pytest.mark.parametrize("level", ["instance", "organization"])
def test_tenant__added_by_the_owner_of_an_organization__is_refused(cast, client, level):
    client.force_login(cast.alice)

    response = client.post(reverse(f"admin:tenancy_{level}_add"), {"name": "X", "parent": "main"})

    assert response.status_code == 403


def test_user__changed__records_only_what_was_changed(cast, client):
    form = {"username": "bob", "name": "Robert", "is_active": "on"}

    client.post(page_of(cast.bob), form)

    cast.bob.refresh_from_db()
    assert cast.bob.name == "Robert"
    assert [e.subject for e in Event.objects.filter(type="tenants.changed")] == ["name"]


def test_user__changed_by_a_viewer__is_refused(cast, client):
    sign_in(client, make_holder(Role.ORG_OWNER_VIEWER, cast.acme))

    page = text_of(client.get(page_of(cast.bob)))
    response = client.post(page_of(cast.bob), {"username": "robert", "is_active": "on"})

    assert "needs user.write" in page
    assert response.status_code == 403


def test_instance__domain_of_another__is_refused_beside_the_field(cast, client):
    client.post(
        reverse("admin:tenancy_instance_add"),
        {"name": "B", "domains": "b.example", "public_id": "b"},
    )

    response = client.post(page_of(cast.instance), {"name": "Main", "domains": "b.example"})

    assert "belongs to another instance" in text_of(response)


@pytest.mark.parametrize(("typed", "is_deleted"), [("bob", True), ("alice", False), ("", False)])
def test_user__deleted__only_when_the_id_was_typed(cast, client, typed, is_deleted):
    client.post(page_of(cast.bob), {"do": "delete", "confirm": typed})

    assert User.objects.filter(public_id="bob").exists() is not is_deleted


def test_organization__deleted_with_users__stays_and_the_page_says_why(cast, client):
    response = client.post(page_of(cast.acme), {"do": "delete", "confirm": "acme"}, follow=True)

    assert Organization.objects.filter(public_id="acme").exists()
    assert "still has what belongs to it" in text_of(response)
