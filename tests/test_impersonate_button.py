"""The button on a user's page that begins an impersonation: one, and cheap for who gets none."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from access.permissions import Role
from access.services import grant_role
from security.services import set_security_settings
from security.settings import SecuritySettings
from tests.admin_forms import grid_of, sign_in, text_of
from tests.factories import BY

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast(cast):
    set_security_settings(cast.instance, SecuritySettings(impersonation_enabled=True), **BY)
    return cast


def open_page(client, user):
    client.get(grid_of(user))  # what is kept by revision is read once
    with CaptureQueriesContext(connection) as queries:
        page = client.get(grid_of(user))
    return page, [query["sql"] for query in queries]


def of_the_button(statements):
    memberships = [sql for sql in statements if "access_membership" in sql and " IN (" in sql]
    return memberships, [sql for sql in statements if "security_instancesecurity" in sql]


def test_button__viewer_without_a_role_for_it__costs_one_query_and_is_not_there(cast, client):
    client.force_login(cast.root)

    page, statements = open_page(client, cast.bob)

    memberships, settings = of_the_button(statements)
    assert (len(memberships), len(settings)) == (1, 0)
    assert len(statements) == len(set(statements))
    assert reverse("impersonation_start", args=[cast.bob.pk]) not in text_of(page)


def test_button__impersonator__is_there_once_and_costs_two_queries(cast, client):
    grant_role(cast.alice, Role.ORG_ADMIN_IMPERSONATOR, cast.acme, **BY)
    sign_in(client, cast.alice)

    page, statements = open_page(client, cast.bob)

    memberships, settings = of_the_button(statements)
    assert (len(memberships), len(settings)) == (1, 1)
    assert len(statements) == len(set(statements))
    assert text_of(page).count(reverse("impersonation_start", args=[cast.bob.pk])) == 1
