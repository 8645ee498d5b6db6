"""What a token of impersonation may do, and when it ends."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from access.actors import actor_for
from access.authentication import read_token
from access.models import Membership
from access.permissions import Action, Permission, Resource, Role
from access.policy import allows, may_grant
from access.services import issue_token, revoke_role
from security.services import patch_security_settings
from tenancy.services import create_instance
from tests.exchanging import (
    ACCESS_TOKEN,
    FEATURES,
    bearer,
    error_of,
    put,
)
from tests.factories import BY, make_holder, token_for


def test_scope__narrower__is_all_that_the_token_may(stage):
    body = stage.exchange(scope="org.feature.read").json()

    assert body["scope"] == "org.feature.read"
    read = bearer(body["access_token"]).get(f"{FEATURES}?inheritance=true")
    assert read.status_code == 200
    assert put(body["access_token"], FEATURES, {"actions": True}).status_code == 403


def test_scope__subject_token_that_is_narrow__is_not_widened(stage):
    narrow = token_for(stage.cast.alice, permissions=["user.feature.read"])

    body = stage.exchange(subject_token=narrow, subject_token_type=ACCESS_TOKEN).json()

    assert body["scope"] == "user.feature.read"


def test_token__of_an_instance_owner__changes_nothing_dangerous(stage):
    make_holder(Role.IAM_OWNER, stage.instance, "olga")
    body = stage.exchange(subject_token="olga").json()
    token = body["access_token"]

    role = {"user": "bob", "role": "IAM_OWNER_VIEWER", "owner": "instance:main"}
    refused = [
        put(token, "/v2/settings/security", {}),
        bearer(token).post("/api/v1/memberships", role, content_type="application/json"),
        bearer(token).post("/api/v1/tokens", {"user": "olga"}, content_type="application/json"),
    ]

    assert [response.status_code for response in refused] == [403, 403, 403]
    actor, *_ = read_token(token, address=None) or pytest.fail("the token is dead")
    for resource in (Resource.CLIENTS, Resource.TOKENS, Resource.POLICY, Resource.MEMBERSHIPS):
        assert allows(actor, Permission(resource, Action.READ), stage.instance)
        assert not allows(actor, Permission(resource, Action.WRITE), stage.instance)
        assert not allows(actor, Permission(resource, Action.DELETE), stage.instance)
    assert put(token, "/v2/features/instance", {"actions": True}).status_code == 200
    assert bearer(token).get("/v2/settings/security").status_code == 200
    dangerous = ("iam.policy", "clients", "tokens", "membership")
    assert not [
        name
        for name in body["scope"].split(" ")
        if name.startswith(dangerous) and not name.endswith(".read")
    ]
    asked = stage.exchange(subject_token="olga", scope="iam.policy.write")
    assert error_of(asked) == (400, "invalid_scope")


def test_setting_off__running_token__is_dead_for_good(stage):
    token = stage.exchange().json()["access_token"]

    stage.switch(on=False)
    off = bearer(token).get("/v2/features/user/alice?inheritance=true")
    stage.switch(on=True)
    on_again = bearer(token).get("/v2/features/user/alice?inheritance=true")

    assert (off.status_code, on_again.status_code) == (401, 401)
    assert stage.introspect(token) == {"active": False}
    assert stage.exchange().status_code == 200


def test_setting_off__of_another_instance__ends_nothing_here(stage):
    other = create_instance("Other", domains=["other.example"])
    patch_security_settings(other, {"impersonation_enabled": True}, **BY)
    token = stage.exchange().json()["access_token"]

    patch_security_settings(other, {"impersonation_enabled": False}, **BY)

    assert bearer(token).get("/v2/features/user/alice?inheritance=true").status_code == 200


def test_token__after_an_hour__is_dead(stage):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        token = stage.exchange().json()["access_token"]

        clock.shift(timedelta(minutes=59, seconds=59))
        before = bearer(token).get("/v2/features/user/alice?inheritance=true")
        clock.shift(timedelta(seconds=1))
        after = bearer(token).get("/v2/features/user/alice?inheritance=true")

    assert (before.status_code, after.status_code) == (200, 401)


def test_token__impersonators_token_ends_earlier__ends_with_it(stage):
    short = issue_token(stage.ina, **BY, lifetime=timedelta(minutes=10)).text

    assert stage.exchange(actor_token=short).json()["expires_in"] <= 600


@pytest.mark.parametrize("cause", ["role taken", "impersonator inactive", "subject superuser"])
def test_token__ground_gone__is_dead(stage, cause):
    token = stage.exchange().json()["access_token"]

    if cause == "role taken":
        revoke_role(Membership.objects.get(user=stage.ina), **BY)
    elif cause == "impersonator inactive":
        stage.ina.is_active = False
        stage.ina.save()
    else:
        stage.cast.alice.is_superuser = True
        stage.cast.alice.save()

    response = bearer(token).get("/v2/features/user/alice?inheritance=true")
    assert response.status_code == 401


def test_may_grant__impersonators_role__takes_who_may_turn_impersonation_on(stage):
    alice = actor_for(stage.cast.alice)
    olga = actor_for(make_holder(Role.IAM_OWNER, stage.instance, "olga"))

    assert may_grant(alice, Role.ORG_SETTINGS_MANAGER, stage.cast.acme)
    assert not may_grant(alice, Role.ORG_ADMIN_IMPERSONATOR, stage.cast.acme)
    assert may_grant(olga, Role.ORG_ADMIN_IMPERSONATOR, stage.cast.acme)
