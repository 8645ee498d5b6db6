"""Tokens: whom one finds, how long it is good, and that its text is stored nowhere."""

import json
from datetime import timedelta

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.utils import timezone

from access.authentication import find_token
from access.models import AccessToken
from access.permissions import Action, Permission, Role
from access.policy import (
    allows,
    may_read_features,
)
from access.services import grant_role, issue_token, revoke_token
from events.models import Event
from tenancy.models import User
from tests.factories import BY, make_cast, token_for

pytestmark = pytest.mark.django_db


LETTERS = {Action.READ: "r", Action.WRITE: "w", Action.DELETE: "d"}


@pytest.fixture
def cast():
    return make_cast("main.example.com")


def letters(actor, owner):
    return "".join(
        letter
        for action, letter in LETTERS.items()
        if allows(actor, Permission.on_features(owner.level, action), owner)
    )


def find(text):
    return find_token(text, address="192.0.2.1")


def test_find_token__valid__gives_the_actor_in_one_query(cast, django_assert_num_queries):
    grant_role(cast.bob, Role.ORG_OWNER, cast.acme, **BY)
    grant_role(cast.bob, Role.ORG_OWNER_VIEWER, cast.globex, **BY)
    text = token_for(cast.bob)
    AccessToken.objects.update(last_used_at=timezone.now())

    with django_assert_num_queries(1):
        found = find(text)

    assert found
    actor = found[0]
    assert (actor.type, actor.id, actor.user) == ("user", "bob", cast.bob)
    assert (letters(actor, cast.acme), letters(actor, cast.globex)) == ("rwd", "r")


def test_find_token__first_use__is_remembered(cast):
    text = token_for(cast.bob)

    find(text)

    assert AccessToken.objects.get().last_used_at is not None


def test_find_token__some_permissions__are_the_most_it_may(cast):
    text = token_for(cast.alice, permissions=["org.feature.read", "iam.feature.write"])

    found = find(text)

    assert found
    actor = found[0]
    assert letters(actor, cast.acme) == "r"
    assert letters(actor, cast.bob) == letters(actor, cast.instance) == ""


def test_find_token__no_permissions__may_nothing_but_what_every_user_may(cast):
    found = find(token_for(cast.alice, permissions=[]))

    assert found
    assert letters(found[0], cast.acme) == ""
    assert may_read_features(found[0], cast.acme, effective=True)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda token, user: AccessToken.objects.update(expires_at=timezone.now()),
        lambda token, user: User.objects.filter(pk=user.pk).update(is_active=False),
        lambda token, user: revoke_token(token, **BY),
        lambda token, user: user.delete(),
    ],
    ids=["expired", "inactive user", "revoked", "user gone"],
)
def test_find_token__no_longer_valid__finds_nobody(cast, spoil):
    issued = issue_token(cast.bob, **BY)

    spoil(issued.row, cast.bob)

    assert find(issued.text) is None


@pytest.mark.parametrize(
    "change",
    [
        str.upper,
        lambda text: text[:-1],
        lambda text: text + "x",
        lambda text: f" {text}",
        lambda text: "",
        lambda text: text + "\x00",
        lambda text: "ÿ" * 10_000,
        lambda text: AccessToken.objects.get().digest,
        lambda text: AccessToken.objects.get().prefix,
    ],
)
def test_find_token__malformed__finds_nobody(cast, change):
    text = token_for(cast.bob)

    assert find(change(text)) is None


def test_issue_token__text__is_stored_nowhere(cast):
    issued = issue_token(cast.bob, description="a script", **BY)
    revoke_token(issue_token(cast.bob, **BY).row, **BY)
    secret = issued.text.removeprefix(issued.row.prefix)

    found = []
    for model in apps.get_models():
        for row in model._default_manager.values():
            found += [(model, row)] if secret in json.dumps(row, default=str) else []

    assert found == []
    assert issued.text.startswith("strata_")
    assert len(secret) >= 30


@pytest.mark.parametrize("days", [0, -1, 366])
def test_issue_token__lifetime_out_of_range__is_refused(cast, days):
    with pytest.raises(ValidationError, match="must be from 1 to 365"):
        issue_token(cast.bob, lifetime=timedelta(days=days), **BY)


@pytest.mark.parametrize("name", ["", "org.feature", "org.feature.fly", "nothing.read", "*"])
def test_issue_token__permission_that_is_none__is_refused(cast, name):
    with pytest.raises(ValidationError, match="there is no permission"):
        issue_token(cast.bob, permissions=["org.feature.read", name], **BY)

    assert not AccessToken.objects.exists()


def test_revoke_token__twice__is_recorded_once(cast):
    issued = issue_token(cast.bob, **BY)

    for _ in range(2):
        revoke_token(issued.row, **BY)

    types = (
        Event.objects.filter(stream__kind="user.token")
        .order_by("id")
        .values_list("type", flat=True)
    )
    assert list(types) == ["tokens.issued", "tokens.revoked"]
