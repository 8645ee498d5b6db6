"""What a refusal, an empty list or an old history tells: nothing of what somebody may not see."""

from uuid import uuid4

import pytest
from django.test import Client

from access.permissions import Role
from access.tenants import create_user, delete_tenant
from clients.services import set_networks
from events.models import Run, RunState
from features.services import set_features
from tenancy.services import create_instance, create_organization
from tests.factories import BY, basic, make_client, make_holder, token_for

pytestmark = pytest.mark.django_db


def post(client, token, path, body):
    answer = client.post(
        f"/api/v1/{path}",
        body,
        content_type="application/json",
        headers={"Authorization": f"Bearer {token}"},
    )
    return answer.status_code, answer.json()


def get(client, token, path, **parameters):
    headers = {"Authorization": f"Bearer {token}"}
    answer = client.get(f"/api/v1/{path}", parameters, headers=headers)
    return answer.status_code, answer.json()


@pytest.mark.parametrize("user", ["carol", "nobody"])
def test_grant__to_a_user_out_of_sight__is_as_to_nobody(client, cast, user):
    body = {"user": user, "role": "ORG_USER_MANAGER", "owner": "organization:acme"}

    status, answer = post(client, token_for(cast.alice), "memberships", body)

    assert (status, answer["message"]) == (404, "user not found")


@pytest.mark.parametrize(
    "owner", ["organization:globex", "organization:none", "organization:other/theirs", "nothing"]
)
def test_grant__on_what_is_out_of_sight__is_as_on_nothing(client, cast, owner):
    create_organization(create_instance("Other", public_id="other"), "Theirs", public_id="theirs")
    body = {"user": "bob", "role": "ORG_USER_MANAGER", "owner": owner}

    status, answer = post(client, token_for(cast.alice), "memberships", body)

    assert status == 400
    assert answer["message"].startswith(f'owner: there is no "{owner}" that you see')


def test_run__of_others__is_as_none(client, cast):
    by = {"actor_type": "user", "actor_id": "root", "actor_name": "root", "surface": "admin"}
    theirs = Run.objects.create(
        kind="bulk", state=RunState.DONE, started_at=cast.acme.created_at, **by
    )
    token = token_for(cast.alice)

    assert get(client, token, f"runs/{theirs.pk}") == get(client, token, f"runs/{uuid4()}")


def test_impersonate__out_of_reach__is_as_nobody(cast):
    orla = make_holder(Role.ORG_END_USER_IMPERSONATOR, cast.acme, "orla")
    orla.is_staff = True
    orla.save()
    other = create_instance("Other", public_id="other")
    theirs = create_user(create_organization(other, "Theirs"), "theirs", **BY)
    keys = [cast.carol.pk, cast.root.pk, theirs.pk, 999_999, 2**63]
    said = set()
    for key in keys:
        browser = Client()
        browser.force_login(orla, "access.backends.InstanceBackend")
        page = browser.post(f"/impersonation/start/{key}/", follow=True)
        said.add(tuple(str(message) for message in page.context["messages"]))

    assert said == {("Not possible: no role of the impersonator allows it.",)}


@pytest.mark.parametrize("may_call", [True, False])
@pytest.mark.parametrize("path", ["features", "features/actions", "users", "events", "overrides"])
def test_management_api__client_that_may_nothing__is_refused(client, cast, path, may_call):
    issued = make_client(cast.instance, *([] if may_call else ["owner"]))
    if not may_call:
        set_networks(issued.client, ["192.0.2.0/24"], **BY)

    answer = client.get(f"/api/v1/{path}", headers=basic(issued))

    assert answer.status_code == 403
    assert answer.json()["message"] == "missing permission iam.feature.read (AUTH-5mWD2)"


def test_history__id_taken_over_from_another_organization__begins_with_the_new_user(client, cast):
    set_features(cast.carol, {"actions": True}, **BY)
    delete_tenant(cast.carol, **BY)
    new = create_user(cast.acme, "carol", public_id="carol", **BY)
    set_features(new, {"user_schema": True}, **BY)

    seen = get(client, token_for(cast.alice), "events", owner="user:carol")[1]["results"]
    everything = get(client, token_for(cast.root), "events", owner="user:carol")[1]["results"]

    assert [event["type"] for event in seen] == ["features.set", "tenants.created"]
    assert [event["subject"] for event in seen] == ["user_schema", ""]
    assert len(everything) == len(seen) + 3


def test_put__number_of_too_many_digits__is_told_in_our_words(client, cast):
    answer = client.put(
        "/v2/features/system",
        '{"actions": ' + "9" * 5000 + "}",
        content_type="application/json",
        headers={"Authorization": f"Bearer {token_for(cast.root)}"},
    )

    assert answer.status_code == 400
    assert answer.json()["message"] == "the body holds a number of too many digits"


@pytest.mark.parametrize(
    "path", ["features/nothing", "users/nobody", "events/999999", "memberships/999999"]
)
def test_get__not_there__is_told_in_our_words(client, cast, path):
    what = path.partition("/")[0].removesuffix("s")

    assert get(client, token_for(cast.root), path) == (
        404,
        {"code": 5, "message": f"{what} not found"},
    )


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+10:00", "9999-12-31T23:59:59-10:00"])
@pytest.mark.parametrize("name", ["since", "until"])
def test_events__time_beyond_all_years__is_refused(client, cast, name, time):
    status, answer = get(client, token_for(cast.root), "events", **{name: time})

    assert (status, answer["message"]) == (
        400,
        f"{name}: must be a time such as 2026-06-13T06:44:36Z",
    )
