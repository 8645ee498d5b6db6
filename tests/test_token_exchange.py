"""Impersonating by token exchange: what it gives, what it refuses, who is named."""

from urllib.parse import urlencode

import pytest
from django.test import Client
from django.utils import timezone

from access.models import AccessToken, Impersonation
from access.permissions import Role
from access.services import grant_role, issue_token, revoke_token
from events.models import Event
from features.services import set_features
from tenancy.services import create_instance, create_organization, create_user
from tests.exchanging import (
    ACCESS_TOKEN,
    FEATURES,
    FORM,
    GRANT,
    MISSING,
    TOKEN,
    USER_ID,
    bearer,
    error_of,
    put,
)
from tests.factories import BY, basic, make_client, make_holder, token_for


def test_exchange__allowed__gives_a_token_that_acts_as_the_subject(stage):
    response = stage.exchange()

    body = response.json()
    assert response.status_code == 200
    assert response["Cache-Control"] == "no-store"
    assert body["issued_token_type"] == ACCESS_TOKEN
    assert body["token_type"] == "Bearer"
    assert 3590 < body["expires_in"] <= 3600
    assert "org.feature.write" in body["scope"].split(" ")
    assert put(body["access_token"], FEATURES, {"actions": True}).status_code == 200
    assert put(stage.ina_token, FEATURES, {"actions": True}).status_code == 403


def test_exchange__subject_by_token_and_client_by_parameters__works(stage):
    fields = stage.form(subject_token=token_for(stage.cast.bob), subject_token_type=ACCESS_TOKEN)
    fields |= {"client_id": stage.issued.client.client_id, "client_secret": stage.issued.secret}

    response = stage.post(fields, headers={})

    assert response.status_code == 200
    assert response.json()["scope"] == ""
    own = bearer(response.json()["access_token"]).get("/v2/features/user/bob?inheritance=true")
    assert own.status_code == 200


def test_exchange__requested_type_absent__is_the_access_token(stage):
    assert stage.exchange(requested_token_type=MISSING).status_code == 200


def test_change__while_impersonating__names_both(stage):
    token = stage.exchange().json()["access_token"]

    put(token, FEATURES, {"actions": True})

    event = Event.objects.get(type="features.set", subject="actions")
    assert (event.actor_id, event.behalf_id) == ("alice", "ina")


def test_start_and_end__history__names_both(stage):
    stage.exchange()
    stage.switch(on=False)

    ended, started = Event.objects.filter(type__startswith="impersonation.")
    assert (started.type, started.actor_id, started.behalf_id) == (
        "impersonation.started",
        "alice",
        "ina",
    )
    assert (started.after or {})["client"] == stage.issued.client.client_id
    assert (ended.type, ended.actor_id, ended.subject) == (
        "impersonation.ended",
        "tester",
        "alice",
    )
    before = ended.before or {}
    assert (before["impersonator"]["id"], before["subject"]["id"]) == ("ina", "alice")


def test_history__of_an_exchange__keeps_no_secret(stage):
    token = stage.exchange().json()["access_token"]

    kept = str(list(Event.objects.values()))
    assert token not in kept
    assert stage.ina_token not in kept


@pytest.mark.parametrize(
    "name",
    ["grant_type", "subject_token", "subject_token_type", "actor_token", "actor_token_type"],
)
@pytest.mark.parametrize("value", [MISSING, ""])
def test_exchange__parameter_missing_or_empty__is_an_invalid_request(stage, name, value):
    response = stage.exchange(**{name: value})

    assert error_of(response) == (400, "invalid_request")
    assert name in response.json()["error_description"]
    assert not Impersonation.objects.exists()


@pytest.mark.parametrize(
    "name",
    [
        "grant_type",
        "subject_token",
        "subject_token_type",
        "actor_token",
        "actor_token_type",
        "requested_token_type",
        "scope",
        "client_id",
    ],
)
def test_exchange__parameter_doubled__is_an_invalid_request(stage, name):
    fields = list(stage.form(scope="org.feature.read").items())
    fields.append((name, dict(fields).get(name, "x")))
    if name == "client_id":
        fields.append((name, "x"))

    response = stage.post(urlencode(fields))

    assert error_of(response) == (400, "invalid_request")
    assert "more than once" in response.json()["error_description"]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"grant_type": "client_credentials"}, "unsupported_grant_type"),
        ({"grant_type": GRANT.upper()}, "unsupported_grant_type"),
        ({"subject_token_type": "urn:ietf:params:oauth:token-type:jwt"}, "invalid_request"),
        ({"actor_token_type": USER_ID}, "invalid_request"),
        ({"requested_token_type": "urn:ietf:params:oauth:token-type:jwt"}, "invalid_request"),
        ({"subject_token": "x" * 201}, "invalid_request"),
        ({"subject_token": "a\x01b"}, "invalid_request"),
        ({"subject_token": "a\x00b"}, "invalid_request"),
        ({"subject_token": "nobody"}, "invalid_grant"),
        ({"subject_token": "x", "subject_token_type": ACCESS_TOKEN}, "invalid_grant"),
        ({"actor_token": "x"}, "invalid_grant"),
        ({"actor_token": "é" * 5000}, "invalid_grant"),
        ({"scope": "system.feature.write"}, "invalid_scope"),
        ({"scope": "org.feature.read nonsense"}, "invalid_scope"),
        ({"scope": " "}, "invalid_scope"),
        ({"scope": "org.feature.read  org.feature.write"}, "invalid_scope"),
    ],
)
def test_exchange__wrong_parameter__is_refused(stage, changes, error):
    assert error_of(stage.exchange(**changes)) == (400, error)
    assert not Impersonation.objects.exists()


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b'{"grant_type": "x"}', "application/json"),
        (b"grant_type=%ff", FORM),
        (b"\xff\xfe=1", FORM),
        ("&".join(f"a{number}=1" for number in range(101)), FORM),
        (b"", FORM),
        (b"a=" + b"x" * 3_000_000, FORM),
    ],
)
def test_exchange__no_form__is_an_invalid_request(stage, body, content_type):
    response = Client().post(TOKEN, body, content_type=content_type, headers=basic(stage.issued))

    assert error_of(response) == (400, "invalid_request")


@pytest.mark.parametrize("which", ["subject_token", "actor_token"])
@pytest.mark.parametrize("fate", ["expired", "revoked", "inactive", "another instance", "client"])
def test_exchange__token_no_longer_good_or_not_from_here__is_an_invalid_grant(stage, which, fate):
    user = make_holder(Role.IAM_ADMIN_IMPERSONATOR, stage.instance, "other")
    issued = issue_token(user, **BY)
    text = issued.text
    match fate:
        case "expired":
            AccessToken.objects.filter(pk=issued.row.pk).update(expires_at=timezone.now())
        case "revoked":
            revoke_token(issued.row, **BY)
        case "inactive":
            user.is_active = False
            user.save()
        case "another instance":
            elsewhere = create_instance("Other", domains=["other.example"])
            text = token_for(create_user(create_organization(elsewhere, "Initech"), "milton"))
        case "client":
            text = issue_token(stage.issued.client, **BY).text

    response = stage.exchange(**{which: text, f"{which}_type": ACCESS_TOKEN})

    assert error_of(response) == (400, "invalid_grant")


def test_exchange__oneself_superuser_system_owner_or_no_role__is_denied(stage):
    make_holder(Role.SYSTEM_OWNER, stage.cast.root.parent, "sam")
    acme_root = create_user(stage.cast.acme, "acme_root", public_id="acme_root")
    acme_root.is_superuser = True
    acme_root.save()
    nobodys = token_for(stage.cast.bob)
    owners = token_for(make_holder(Role.IAM_OWNER, stage.instance))

    refused = [
        stage.exchange(subject_token="ina"),
        stage.exchange(subject_token="root"),
        stage.exchange(subject_token="acme_root"),
        stage.exchange(subject_token="sam"),
        stage.exchange(actor_token=nobodys),
        stage.exchange(actor_token=owners),
        stage.exchange(actor_token=token_for(stage.cast.root)),
    ]

    assert [error_of(response) for response in refused] == [(403, "access_denied")] * 7


def test_exchange__chain__is_denied(stage):
    grant_role(stage.cast.alice, Role.IAM_ADMIN_IMPERSONATOR, stage.instance, **BY)
    token = stage.exchange().json()["access_token"]

    as_actor = stage.exchange(actor_token=token, subject_token="bob")
    as_subject = stage.exchange(subject_token=token, subject_token_type=ACCESS_TOKEN)

    assert [error_of(response) for response in (as_actor, as_subject)] == [
        (403, "access_denied")
    ] * 2


def test_exchange__setting_off__is_denied(stage):
    stage.switch(on=False)

    assert error_of(stage.exchange()) == (403, "access_denied")


def test_exchange__feature_off__is_unsupported_and_what_runs_goes_on(stage):
    token = stage.exchange().json()["access_token"]

    set_features(stage.instance, {"oidc_token_exchange": False}, **BY)

    assert error_of(stage.exchange()) == (400, "unsupported_grant_type")
    assert bearer(token).get("/v2/features/user/alice?inheritance=true").status_code == 200


def test_exchange__client_without_credentials_or_right__is_refused(stage):
    unknown = {"Authorization": "Basic eDp5"}
    no_right = basic(make_client(stage.instance, "direct_access"))

    assert error_of(stage.post(stage.form(), headers={})) == (401, "invalid_client")
    assert error_of(stage.post(stage.form(), headers=unknown)) == (401, "invalid_client")
    assert error_of(stage.post(stage.form(), headers={"Authorization": "Bearer x"})) == (
        401,
        "invalid_client",
    )
    assert error_of(stage.post(stage.form(), headers=no_right)) == (403, "access_denied")


def test_exchange__client_of_another_instance__cannot_name_our_users(stage):
    other = create_instance("Other", domains=["other.example"])
    create_organization(other, "Initech")
    set_features(other, {"oidc_token_exchange": True}, **BY)
    stranger = basic(make_client(other, "owner"))

    here = stage.post(stage.form(), headers=stranger)
    there = stage.post(stage.form(), headers=stranger | {"host": "other.example"})

    assert error_of(here) == (403, "access_denied")
    assert error_of(there) == (400, "invalid_grant")


def test_exchange__by_get__is_not_allowed(stage):
    response = Client().get(TOKEN, headers=basic(stage.issued))

    assert (response.status_code, response["Allow"]) == (405, "POST")
