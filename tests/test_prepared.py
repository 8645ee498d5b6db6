"""Prepared queries: what they find is what the ORM finds."""

import pytest
from django.db.models import F

from access.permissions import Role
from access.services import grant_role
from tenancy.models import User
from tenancy.prepared import PreparedQuery
from tests.factories import BY, make_cast

pytestmark = pytest.mark.django_db


def compose(name):
    users = User.objects.filter(username=name).select_related("organization__instance", "instance")
    return users.annotate(held=F("memberships__role")).order_by("memberships__id")


def test_prepared_query__each_value__finds_what_the_orm_finds(django_assert_num_queries):
    cast = make_cast()
    grant_role(cast.alice, Role.IAM_OWNER, cast.instance, **BY)
    prepared = PreparedQuery(compose, "name")
    wanted = {name: list(compose(name)) for name in ("alice", "bob", "root", "nobody")}

    with django_assert_num_queries(len(wanted)):
        found = {name: prepared(name) for name in wanted}
        places = [(user.organization, user.instance) for rows in found.values() for user in rows]

    assert found == wanted
    assert [user.held for user in found["alice"]] == ["ORG_OWNER", "IAM_OWNER"]
    assert [user.__dict__.keys() for user in found["bob"]] == [
        user.__dict__.keys() for user in wanted["bob"]
    ]
    assert found["bob"][0].created_at == cast.bob.created_at
    assert places[-1] == (None, None)
