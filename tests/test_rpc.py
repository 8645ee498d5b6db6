"""The binary transports as a client sees them: paths, types, statuses and sizes."""

import json

import pytest

from events.models import Event, Surface
from tests.factories import make_cast, token_for

pytestmark = pytest.mark.django_db

SERVICE = "/zitadel.feature.v2.FeatureService"


def call(client, method, body, token=None, *, service=SERVICE, **headers):
    if token:
        headers["Authorization"] = f"Bearer {token}"
    return client.post(
        f"{service}/{method}",
        json.dumps(body) if isinstance(body, dict) else body,
        content_type=headers.pop("content_type", "application/json"),
        headers=headers,
    )


def test_connect_json__set_and_get__answers_as_rest_does(client):
    cast = make_cast()
    token = token_for(cast.root)

    written = call(client, "SetInstanceFeatures", {"loginDefaultOrg": False}, token)
    read = call(client, "GetInstanceFeatures", {"inheritance": True}, token)
    rest = client.get(
        "/v2/features/instance?inheritance=true", headers={"Authorization": f"Bearer {token}"}
    )

    assert written.status_code == 200, written.content
    assert written.json()["details"]["sequence"] == "1"
    assert read["Content-Type"] == "application/json"
    assert read.json() == rest.json()
    event = Event.objects.get(type="features.set")
    assert (event.surface, event.actor_id, event.after) == (Surface.RPC, "root", False)


def test_connect_json__field_errors__carry_the_same_details_as_rest(client):
    cast = make_cast()
    token = token_for(cast.root)
    body = {"features": {"login_defalt_org": True}}

    response = call(client, "SetInstanceFeatures", body, token)
    rest = client.put(
        "/v2/features/instance",
        body["features"],
        content_type="application/json",
        headers={"Authorization": f"Bearer {token}"},
    )

    assert response.status_code == 400
    error = response.json()
    assert (error["code"], error["message"]) == ("invalid_argument", rest.json()["message"])
    assert [detail["type"] for detail in error["details"]] == ["google.rpc.BadRequest"]
    [detail] = rest.json()["details"]
    assert error["details"][0]["debug"] == {"fieldViolations": detail["fieldViolations"]}
    assert "=" not in error["details"][0]["value"]
