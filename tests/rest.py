"""The REST way in to the feature API, for the cases of tests/feature_api.py and by hand."""

import json
from collections.abc import Mapping
from io import BytesIO
from typing import Any
from urllib.parse import quote, urlencode

from django.test import Client

from tests.factories import Cast, token_for
from tests.feature_api import LEVEL_OF_METHOD, Failure, Outcome

VERBS = {"Set": "PUT", "Reset": "DELETE", "Get": "GET"}
STATUS_OF_CODE = {3: 400, 5: 404, 7: 403, 9: 400, 10: 409, 16: 401}
BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"
ERROR_DETAIL = "type.googleapis.com/zitadel.v1.ErrorDetail"


class RestCaller:
    """Calls the feature API with Django's test client, under one of its prefixes."""

    keeps_order = True

    def __init__(self, client: Client, prefix: str = "/v2") -> None:
        self.client = client
        self.prefix = prefix

    def call(self, method: str, message: Mapping[str, Any], token: str | None) -> Outcome:
        """Call a method by its path, as `tests.feature_api.Caller` promises."""
        verb, path, body = to_http(method, message, self.prefix)
        return read_answer(send(self.client, verb, path, body, token))


class RootApi:
    """Sends requests of root, who may everything, in the world of a cast."""

    def __init__(self, client: Client, cast: Cast) -> None:
        self.client = client
        self.cast = cast
        self.token = token_for(cast.root)

    def __call__(self, verb: str, path: str, body: Any = None, **headers: str) -> Any:
        """Send a request and return the response."""
        return send(self.client, verb, path, body, self.token, **headers)


def send(
    client: Client, verb: str, path: str, body: Any = None, token: str | None = None, **headers: str
) -> Any:
    """Send a request with a JSON body, or with the very bytes given."""
    raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    if token is not None:
        headers |= {"Authorization": f"Bearer {token}"}
    content_type = headers.pop("content_type", "application/json")
    # Django's own stream refuses to be asked for more than there is, as no server's does.
    stream: Any = {"wsgi.input": BytesIO(raw)}
    return client.generic(verb, path, raw, content_type, headers=headers, **stream)


def to_http(
    method: str, message: Mapping[str, Any], prefix: str
) -> tuple[str, str, dict[str, Any] | None]:
    """Return the verb, the path with its query and the body that a message travels in."""
    fields = dict(message)
    if method == "SetInstanceFeature":
        instance, feature = fields.pop("instanceId"), fields.pop("featureId")
        return "PUT", f"/system/v1/instances/{quote(instance)}/features/{quote(feature)}", fields
    found = LEVEL_OF_METHOD.fullmatch(method)
    assert found, method
    level = found[2].lower()
    path = f"{prefix}/features/{level}"
    if level in {"organization", "user"}:
        path += f"/{quote(fields.pop(f'{level}Id'))}"
    if "inheritance" in fields:
        path += f"?{urlencode({'inheritance': str(fields.pop('inheritance')).lower()})}"
    return VERBS[found[1]], path, fields if found[1] == "Set" else None


def read_answer(response: Any) -> Outcome:
    """Bring an answer into the form of the cases; the status must be the code's own."""
    assert response["Content-Type"] == "application/json"
    body = response.json()
    if response.status_code == 200:
        details = body.pop("details")
        return Outcome(details, {name: _read_feature(answer) for name, answer in body.items()})
    assert response.status_code == STATUS_OF_CODE[body["code"]], body
    by_type = {detail["@type"]: detail for detail in body.get("details", [])}
    violations = by_type.get(BAD_REQUEST, {}).get("fieldViolations", [])
    return Outcome(
        failure=Failure(
            body["code"],
            body["message"],
            by_type.get(ERROR_DETAIL, {}).get("id", ""),
            {violation["field"]: violation["description"] for violation in violations},
        )
    )


def _read_feature(answer: dict[str, Any]) -> tuple[Any, str]:
    source = answer.pop("source")
    names = {"enabled", "executionPaths", "value"} & answer.keys()
    return answer[names.pop()] if names else answer, source


def assert_error(response: Any, status: int, code: int, part: str = "") -> dict[str, Any]:
    """Check an error's status and body and that its text holds a part; return the body."""
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/json"
    body: dict[str, Any] = response.json()
    assert body["code"] == code
    assert part in body["message"]
    assert body.keys() <= {"code", "message", "details"}
    return body
