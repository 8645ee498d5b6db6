"""The `/clients/*` endpoints: an older API with an envelope of its own, errors included."""

from typing import Any

from api.schema.operations import BASIC, FORM, JSON, Schema, headers, ref
from api.schema.values import EXAMPLE_TIME, MAYBE_TIME, TIME
from clients.catalogue import CLIENT_FEATURES
from clients.services import MAXIMUM_OVERLAP

TAG = "API clients"

CLIENT_EXAMPLE = {
    "client_id": "k7m2x9qwfd4hzt3npv8rcbygsj6uae5k",
    "description": "front end",
    "features": ["login_client"],
    "whitelist": ["0.0.0.0/0"],
}
ERROR_NUMBERS = {
    100: "missing_argument",
    200: "invalid_argument",
    205: "invalid_auth_method",
    402: "invalid_client_credentials",
    403: "client_permission_error",
    500: "unexpected_error",
    510: "api_limit_error",
}
FEATURE_NAMES = list(CLIENT_FEATURES)
FOR_CLIENT = {"for_client_id": {"type": "string", "description": "Absent: the calling client."}}


def components() -> dict[str, Schema]:
    """Return the envelope, a client, and what the endpoints add to a success."""
    client: dict[str, Schema] = {
        "client_id": {"type": "string"},
        "description": {"type": "string"},
        "features": {"type": "array", "items": ref("ClientFeature")},
        "whitelist": {"type": "array", "items": {"type": "string"}},
    }
    listed = client | {"created": TIME, "last_used": MAYBE_TIME, "expires": MAYBE_TIME}
    results = {"type": "array", "items": ref("Client")}
    return {
        "ClientFeature": {
            "type": "string",
            "enum": FEATURE_NAMES,
            "description": "A permission of an API client.",
        },
        "Client": {"type": "object", "required": list(listed), "properties": listed},
        "ClientsError": {
            "type": "object",
            "description": "An error, under HTTP 200 like everything here.",
            "required": ["code", "error", "error_description", "request_id", "stat"],
            "properties": {
                "stat": {"type": "string", "const": "error"},
                "code": {"type": "integer", "enum": list(ERROR_NUMBERS)},
                "error": {"type": "string", "enum": list(ERROR_NUMBERS.values())},
                "error_description": {"type": "string"},
                "argument_name": {"type": "string"},
                "request_id": {"type": "string"},
            },
        },
        "ClientsDone": _success({}),
        "ClientAdded": _success(client | {"client_secret": {"type": "string"}}),
        "ClientList": _success({"results": results}),
        "ClientSecret": _success({"new_secret": {"type": "string"}}),
    }


def paths() -> dict[str, Schema]:
    """Return the paths of the endpoints."""
    hours = int(MAXIMUM_OVERLAP.total_seconds() // 3600)
    names = _json_text("An array of client features.", '["direct_access"]')
    networks = _json_text("An array of CIDR networks.", '["10.0.0.0/8"]')
    description = {"type": "string", "minLength": 1, "examples": ["front end"]}
    has_features = {"has_features": names | {"description": "Only clients with any of these."}}
    listing = ("List the clients", "ClientList", {"results": [_listed_example()]})
    secret = {"new_secret": "w9r3t5y7u2k4h6g8f3d5s7a9z2x4c6v8"}
    lifetime = {
        "type": "integer",
        "minimum": 0,
        "maximum": hours,
        "default": 0,
        "description": "For how many hours the old secret works on.",
    }
    done: tuple[str, Any] = ("ClientsDone", {})
    return {
        "/clients/set_features": _post(
            "setClientFeatures",
            ("Replace a client's features", *done),
            FOR_CLIENT | {"features": names},
            "features",
        ),
        "/clients/add": _post(
            "addClient",
            ("Make a client", "ClientAdded", {**CLIENT_EXAMPLE, "client_secret": "…"}),
            {"description": description, "features": names},
            "description",
        ),
        "/clients/list": {
            **_post("listClients", listing, has_features),
            "get": _operation("listClientsByGet", listing)
            | {
                "parameters": [
                    {"name": name, "in": "query", "schema": schema}
                    for name, schema in has_features.items()
                ]
            },
        },
        "/clients/set_description": _post(
            "setClientDescription",
            ("Change a client's description", *done),
            FOR_CLIENT | {"description": description},
            "description",
        ),
        "/clients/set_whitelist": _post(
            "setClientNetworks",
            ("Replace a client's allow list", *done),
            FOR_CLIENT | {"whitelist": networks},
            "whitelist",
        ),
        "/clients/clear_whitelist": _post(
            "clearClientNetworks", ("Allow a client any address", *done), FOR_CLIENT
        ),
        "/clients/reset_secret": _post(
            "resetClientSecret",
            ("Give a client a new secret", "ClientSecret", secret),
            {"for_client_id": {"type": "string"}, "hours_to_live": lifetime},
            "for_client_id",
        ),
        "/clients/delete": _post(
            "deleteClient",
            ("Delete a client", *done),
            {"client_id_for_deletion": {"type": "string"}},
            "client_id_for_deletion",
        ),
    }


def _post(
    operation_id: str, answer: tuple[str, str, Any], fields: dict[str, Schema], *required: str
) -> Schema:
    credentials = {
        "client_id": {"type": "string", "description": "Instead of HTTP Basic."},
        "client_secret": {"type": "string", "description": "Instead of HTTP Basic."},
    }
    form: Schema = {"type": "object", "properties": fields | credentials}
    if required:
        form["required"] = list(required)
    samples = {
        name: fields[name].get("examples", [CLIENT_EXAMPLE["client_id"]]) for name in required
    }
    example = {name: sample[0] for name, sample in samples.items()}
    content = {FORM: {"schema": form, "example": example}}
    body = {"required": bool(required), "content": content}
    return {"post": _operation(operation_id, answer) | {"requestBody": body}}


def _operation(operation_id: str, answer: tuple[str, str, Any]) -> Schema:
    summary, schema, example = answer
    return {
        "operationId": operation_id,
        "tags": [TAG],
        "summary": summary,
        "description": f"{summary}. The caller is an API client with `owner`. Parameters may stand "
        "in the query string as well; the body's win. Errors come with HTTP 200 and `stat: error`.",
        "responses": {
            "200": {
                "description": summary,
                "headers": headers("X-Request-Id"),
                "content": {
                    JSON: {
                        "schema": {"oneOf": [ref(schema), ref("ClientsError")]},
                        "examples": {
                            "ok": {"value": {**example, "stat": "ok"}},
                            "error": {"value": _error_example()},
                        },
                    }
                },
            }
        },
        "security": [BASIC, {}],
    }


def _success(members: dict[str, Schema]) -> Schema:
    return {
        "type": "object",
        "required": [*members, "stat"],
        "properties": {"stat": {"type": "string", "const": "ok"}, **members},
    }


def _json_text(description: str, example: str) -> Schema:
    return {
        "type": "string",
        "contentMediaType": "application/json",
        "description": f"{description} Written as JSON.",
        "examples": [example],
    }


def _listed_example() -> dict[str, Any]:
    return {**CLIENT_EXAMPLE, "created": EXAMPLE_TIME, "last_used": None, "expires": None}


def _error_example() -> dict[str, Any]:
    return {
        "argument_name": "features",
        "code": 200,
        "error": ERROR_NUMBERS[200],
        "error_description": "features was not valid for the following reason: "
        "the JSON is not syntactically valid",
        "request_id": "7f3kq9m2wxy4hc6d",
        "stat": "error",
    }
