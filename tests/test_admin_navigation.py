"""The admin's navigation: it marks where one is, on the pages below a section, too."""

import re

import pytest
from django.urls import reverse

from features.models import Feature
from tenancy.models import System
from tests.admin_addresses import furnish, pages_of
from tests.admin_forms import grid_of, page_of, sign_in, text_of
from tests.factories import make_client

MARKED = re.compile(r'<a href="([^"]+)" aria-current="(\w+)"><svg.*?</svg>([^<]+)</a>')
OF_NO_SECTION = {
    *("search", "password_change", "password_change_done"),
    "tenancy_system_changelist",  # the stock admin's, to which nothing leads
}


def marks_in(page):
    """Return what the navigation marks: the label, and how."""
    side = text_of(page).partition('<nav class="side"')[2].partition("</nav>")[0]
    return [(label, how) for _url, how, label in MARKED.findall(side)]


@pytest.fixture
def root(client, cast):
    sign_in(client, cast.root)
    return client


def addresses(cast):
    feature = Feature.objects.get(key="actions").pk
    client = make_client(cast.instance, "owner").client
    return {
        reverse("admin:index"): [("Overview", "page")],
        reverse("admin:tenancy_user_changelist"): [("Users", "page")],
        page_of(cast.bob): [("Users", "true")],
        reverse("admin:tenancy_user_add"): [("Users", "true")],
        reverse("admin:user_password", args=[cast.bob.pk]): [("Users", "true")],
        grid_of(System()): [("System", "true")],
        grid_of(cast.instance): [("Instances", "true")],
        grid_of(cast.acme): [("Organizations", "true")],
        reverse("admin:owner_history", args=["organization", cast.acme.pk]): [
            ("Organizations", "true")
        ],
        reverse("admin:explain", args=["user", cast.bob.pk, feature]): [("Users", "true")],
        reverse("admin:features_feature_change", args=[feature]): [("Features", "true")],
        reverse("admin:feature_edit", args=[feature]): [("Features", "true")],
        reverse("admin:clients_apiclient_change", args=[client.pk]): [("API clients", "true")],
        reverse("admin:search"): [],
    }


def test_navigation__of_each_page__marks_its_section(root, cast):
    expected = addresses(cast)

    marked = {address: marks_in(root.get(address)) for address in expected}

    assert marked == expected


def test_navigation__of_every_page__marks_one_section_at_most(root, cast):
    furnish(cast)
    marked = {address: marks_in(root.get(address)) for address in pages_of(cast)}
    unmarked = {reverse(f"admin:{name}") for name in OF_NO_SECTION}

    assert {address for address, marks in marked.items() if len(marks) != 1} == unmarked
