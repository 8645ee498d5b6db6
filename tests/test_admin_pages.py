"""The admin's pages in general: the first one, addresses that lead nowhere, an ended session."""

import re

import pytest
from django.urls import reverse

from tenancy.models import System, User
from tests.admin_forms import page_of, text_of
from tests.factories import make_client


@pytest.fixture
def cast(cast, client):
    User.objects.filter(pk=cast.alice.pk).update(is_staff=True)
    client.force_login(cast.root)
    return cast


@pytest.mark.parametrize(
    "path",
    [
        "owner/user/99999999999999999999/features/",
        "owner/project/1/features/",
        "owner/user/0/history/",
        "owner/user/1/explain/99999999999999999999/",
        "history/99999999999999999999/undo/",
        "history/run/00000000-0000-0000-0000-000000000000/",
        "tenancy/user/99999999999999999999/change/",
        "tenancy/user/x/change/",
        "r/1/1/",
        "nothing/",
    ],
)
def test_address__that_leads_nowhere__is_a_page_that_says_so(cast, client, path):
    response = client.get(f"/admin/{path}")

    assert response.status_code == 404
    assert "There is nothing here" in text_of(response)


def test_first_page__superuser_and_owner__shows_what_each_may_see(cast, client):
    make_client(cast.instance, "owner", description="Importer")

    root = text_of(client.get(reverse("admin:index")))
    client.force_login(cast.alice)
    alice = text_of(client.get(reverse("admin:index")))

    assert "Importer" in root
    assert "System settings" in root
    assert "Acme" in alice
    for hidden in ("Importer", "System settings", "Globex", "Main", "API clients"):
        assert hidden not in re.sub(
            r"<nav.*?</nav>|aria-label=\"Main\"", "", alice, flags=re.DOTALL
        )


def test_system__guessed_by_who_does_not_see_it__does_not_exist(cast, client):
    client.force_login(cast.alice)

    assert client.get(page_of(System())).status_code == 404
    assert client.get(reverse("admin:system_features"), follow=True).status_code == 404


@pytest.mark.parametrize(
    ("path", "fields", "name"),
    [
        ("/admin/tenancy/user/add/", {"parent": "acme", "password": "hidden thing"}, "username"),
        ("/admin/access/membership/add/", {"role": "ORG_OWNER"}, "user"),
        ("/admin/clients/apiclient/add/", {"instance": "main"}, "description"),
        ("/admin/features/feature/add/", {"kind": "boolean"}, "name"),
    ],
)
def test_form__session_ended__shows_what_was_typed_but_no_password(
    cast, client, path, fields, name
):
    cast.root.set_password("a quite long password")
    cast.root.save()
    client.logout()

    kept = client.post(path, fields | {name: "typed before"}).context["kept"]
    sign_in = {"username": "root", "password": "a quite long password", "next": path, "kept": kept}
    page = text_of(client.post(reverse("admin:login"), sign_in, follow=True))

    assert "What you typed is here" in page
    assert "typed before" in page
    assert "hidden thing" not in page
