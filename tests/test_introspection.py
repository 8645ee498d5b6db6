"""Introspection: what a client learns about a token of its instance, and about any other."""

from django.utils import timezone

from access.models import AccessToken
from access.services import issue_token
from clients.services import set_client_features
from tenancy.services import create_instance, create_organization, create_user
from tests.exchanging import (
    INTROSPECT,
    error_of,
)
from tests.factories import BY, token_for


def test_introspect__impersonation__names_both_and_the_client(stage):
    token = stage.exchange(scope="org.feature.read").json()["access_token"]

    told = stage.introspect(token)

    assert told["active"] is True
    assert (told["sub"], told["act"]) == ("alice", {"sub": "ina"})
    assert (told["scope"], told["token_type"]) == ("org.feature.read", "Bearer")
    assert told["client_id"] == stage.issued.client.client_id
    assert 0 < told["exp"] - told["iat"] <= 3600


def test_introspect__tokens_of_a_user_and_of_a_client__tells_about_them(stage):
    own = stage.introspect(token_for(stage.cast.bob))
    clients = stage.introspect(issue_token(stage.issued.client, **BY).text)

    assert (own["active"], own["sub"], own["scope"]) == (True, "bob", "")
    assert "act" not in own
    assert "client_id" not in own
    assert clients["sub"] == clients["client_id"] == stage.issued.client.client_id
    assert "tokens.write" in clients["scope"].split(" ")


def test_introspect__unknown_expired_or_another_instances__is_inactive(stage):
    elsewhere = create_instance("Other", domains=["other.example"])
    milton = create_user(create_organization(elsewhere, "Initech"), "milton")
    expired = issue_token(stage.cast.bob, **BY)
    AccessToken.objects.filter(pk=expired.row.pk).update(expires_at=timezone.now())

    told = [
        stage.introspect(text)
        for text in ("x", expired.text, token_for(milton), token_for(stage.cast.root))
    ]

    assert told == [{"active": False}] * 4


def test_introspect__no_token_or_no_right__is_refused(stage):
    assert error_of(stage.post({}, INTROSPECT)) == (400, "invalid_request")
    assert error_of(stage.post({"token": "x"}, INTROSPECT, headers={})) == (401, "invalid_client")
    set_client_features(stage.issued.client, [], **BY)
    assert error_of(stage.post({"token": "x"}, INTROSPECT)) == (403, "access_denied")


def test_introspect__token__is_not_marked_as_used(stage):
    issued = issue_token(stage.cast.bob, **BY)

    stage.introspect(issued.text)

    issued.row.refresh_from_db()
    assert issued.row.last_used_at is None
