"""Whose history is whose, where ids are the same: of owners of two levels, and of clients."""

import pytest
from django.urls import reverse

from access.permissions import Role
from access.services import grant_role, issue_token
from access.tenants import change_tenant, create_organization, create_user
from features.services import set_features
from security.services import set_security_settings
from security.settings import SecuritySettings
from tests.factories import BY, make_client, make_holder, token_for

pytestmark = pytest.mark.django_db


@pytest.fixture
def namesakes(cast):
    """The instance, an organization and a user of one id, each with a history."""
    organization = create_organization(cast.instance, "Same", public_id="main", **BY)
    user = create_user(cast.globex, "same", public_id="main", **BY)
    change_tenant(cast.instance, {"name": "Mainland"}, **BY)
    grant_role(user, Role.ORG_USER_MANAGER, cast.globex, **BY)
    issue_token(user, **BY)
    set_security_settings(cast.instance, SecuritySettings(impersonation_enabled=True), **BY)
    for owner in (cast.instance, organization, user):
        set_features(owner, {"actions": True}, **BY)
    return {"instance": cast.instance, "organization": organization, "user": user}


HISTORIES = {
    "instance": ["instance", "instance.security", "instance.tenant"],
    "organization": ["organization", "organization.tenant"],
    "user": ["user", "user.roles", "user.tenant", "user.token"],
}


@pytest.mark.parametrize(("level", "kinds"), HISTORIES.items())
def test_owner_history__others_have_the_same_id__tells_of_the_owner_alone(
    client, cast, namesakes, level, kinds
):
    client.force_login(cast.root)

    page = client.get(reverse("admin:owner_history", args=[level, namesakes[level].pk]))

    assert sorted(event.stream.kind for event in page.context["events"]) == kinds
    assert [event.sequence for event in page.context["events"]] == [1] * len(kinds)


@pytest.mark.parametrize(("level", "kinds"), HISTORIES.items())
def test_events__of_an_owner__tell_of_it_alone(client, cast, namesakes, level, kinds):
    reference = "instance" if level == "instance" else f"{level}:main"

    results = events(client, cast.root, owner=reference)

    assert sorted(event["stream"].split("/")[0] for event in results) == kinds
    assert {event["owner"] for event in results} == {namesakes[level].reference}


def test_events__organization_and_user_of_one_id__seen_by_their_own_owners(client, cast, namesakes):
    of_globex = make_holder(Role.ORG_OWNER, cast.globex)
    of_organization = make_holder(Role.ORG_OWNER, namesakes["organization"], "other_owner")

    seen = [
        {
            event["stream"].split("/")[0]
            for event in events(client, user)
            if event["owner"].endswith("/main")
        }
        for user in (of_globex, of_organization)
    ]

    of_user = {"user", "user.tenant", "user.roles", "user.token"}
    assert seen == [of_user, {"organization", "organization.tenant"}]


def test_issue_token__client_and_user_of_one_id__recorded_apart(client, cast):
    issued = make_client(cast.instance, "owner")
    user = create_user(cast.acme, "same", public_id=issued.client.client_id, **BY)
    issue_token(user, **BY)
    issue_token(issued.client, **BY)

    results = events(client, cast.root, type="tokens.issued")

    by_stream = {event["stream"].split("/")[0]: event for event in results}
    assert by_stream["user.token"]["owner"] == user.reference
    assert by_stream["client.token"]["owner"] is None
    assert by_stream["client.token"]["sequence"] == 1


def events(client, user, **parameters):
    """Return the events that somebody sees through the management API."""
    answer = client.get(
        "/api/v1/events", parameters, headers={"Authorization": f"Bearer {token_for(user)}"}
    )
    assert answer.status_code == 200, answer.content
    return answer.json()["results"]
