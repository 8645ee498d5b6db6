"""Idempotency-Key: asked twice, done once."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from access.models import Membership
from events.models import Event
from tests.factories import token_for

pytestmark = pytest.mark.django_db

BODY = {"id": "dave", "username": "dave", "organization": "acme"}


@pytest.fixture
def post(client, cast):
    def post(body, key, user=cast.alice, path="users"):
        return client.post(
            f"/api/v1/{path}",
            body,
            content_type="application/json",
            headers={"Authorization": f"Bearer {token_for(user)}", "Idempotency-Key": key},
        )

    return post


def test_key__same_request_again__same_answer_and_one_change(post):
    first, second = post(BODY, "k1"), post(BODY, "k1")

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert first["ETag"] == second["ETag"]
    assert Event.objects.filter(type="tenants.created").count() == 1


def test_key__another_body__conflict(post):
    post(BODY, "k1")

    again = post(BODY | {"id": "eve", "username": "eve"}, "k1")

    assert (again.status_code, again.json()["code"]) == (409, 10)


def test_key__other_caller__is_another_key(post, cast):
    post(BODY, "k1")

    other = post(BODY | {"id": "eve", "username": "eve"}, "k1", user=cast.root)

    assert other.status_code == 201


def test_key__first_was_refused__second_is_tried_anew(post, cast):
    grant = {"user": "nobody", "role": "ORG_OWNER", "owner": "organization:main/acme"}

    refused = post(grant, "k1", path="memberships")
    done = post(grant | {"user": "bob"}, "k1", path="memberships")

    assert (refused.status_code, done.status_code) == (404, 201)
    assert Membership.objects.filter(user=cast.bob).count() == 1


def test_key__after_a_day__is_forgotten(post):
    post(BODY, "k1")

    with time_machine.travel(timezone.now() + timedelta(days=1, minutes=1)):
        again = post(BODY | {"id": "eve", "username": "eve"}, "k1")

    assert again.status_code == 201


@pytest.mark.parametrize("key", ["", "x" * 256, "ä"])
def test_key__not_printable_ascii_of_some_length__refused(post, key):
    assert post(BODY, key).status_code == 400
