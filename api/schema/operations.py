"""What all operations share: how one is written, its errors, headers, parameters and security."""

from collections.abc import Iterable, Mapping
from typing import Any

from access.parsers import MAX_BODY
from access.problems import TYPE_PREFIX, Code
from api.idempotency import HEADER as IDEMPOTENCY_KEY
from api.idempotency import MAX_KEY

Schema = dict[str, Any]

BEARER, BASIC = {"bearer": list[str]()}, {"basic": list[str]()}
JSON, FORM = "application/json", "application/x-www-form-urlencoded"

# The gRPC code that each status goes with, when that is, and a sentence as an example.
ERRORS: Mapping[int, tuple[str, str, Code, str]] = {
    400: (
        "BadRequest",
        "The body or a parameter is wrong. `fieldViolations` names every bad field at once.",
        Code.INVALID_ARGUMENT,
        "loginDefaultOrg: must be true or false, not a string",
    ),
    401: (
        "Unauthenticated",
        "The credentials are missing, unknown, wrong or expired.",
        Code.UNAUTHENTICATED,
        "auth header missing",
    ),
    403: (
        "PermissionDenied",
        "The message names the permission that the caller lacks.",
        Code.PERMISSION_DENIED,
        "missing permission org.feature.write (AUTH-5mWD2)",
    ),
    404: (
        "NotFound",
        "There is no such thing, or none that the caller may know of.",
        Code.NOT_FOUND,
        "organization not found",
    ),
    409: (
        "Conflict",
        "Nothing was written. Code 10 (ABORTED): a concurrent change won, try again; or the "
        "Idempotency-Key was used for another request. Code 6 (ALREADY_EXISTS): what was to be "
        "made, or the id or name that it was to have, exists already; `fieldViolations` names it.",
        Code.ABORTED,
        "a concurrent change won; try again",
    ),
    412: (
        "PreconditionFailed",
        "If-Match names another state than the present one, or what was looked at has moved on; "
        "nothing was written.",
        Code.ABORTED,
        "the sequence is 7: read again, then repeat the change",
    ),
    413: (
        "BodyTooLarge",
        f"The body is larger than the operation takes: {MAX_BODY} bytes unless it says otherwise.",
        Code.INVALID_ARGUMENT,
        f"the body is larger than {MAX_BODY} bytes",
    ),
    429: (
        "Throttled",
        "The caller asked too often.",
        Code.RESOURCE_EXHAUSTED,
        "Request was throttled. Expected available in 3 seconds.",
    ),
    500: (
        "InternalError",
        "A fault of the server. The message holds the request's id, by which its log is found.",
        Code.INTERNAL,
        "internal error; request id 7f3kq9m2",
    ),
    503: (
        "Unavailable",
        "The database is away: try again.",
        Code.UNAVAILABLE,
        "the database is not available; try again",
    ),
}

ALREADY_EXISTS = {
    "code": Code.ALREADY_EXISTS.value,
    "message": 'id: "acme" already exists',
    "details": [
        {
            "@type": f"{TYPE_PREFIX}google.rpc.BadRequest",
            "fieldViolations": [{"field": "id", "description": '"acme" already exists'}],
        }
    ],
}

EVERYWHERE = (400, 401, 403, 404, 429, 500, 503)
WITH_BODY = (409, 413)

HEADERS: Mapping[str, Schema] = {
    "ETag": {
        "description": "The state that the answer describes, for If-Match and If-None-Match.",
        "schema": {"type": "string", "examples": ['"7"']},
    },
    "Location": {
        "description": "The address of what was made.",
        "required": True,
        "schema": {"type": "string", "format": "uri-reference"},
    },
    "Retry-After": {
        "description": "After how many seconds to try again.",
        "required": True,
        "schema": {"type": "integer", "minimum": 0, "examples": [3]},
    },
    "X-Request-Id": {
        "description": "The id under which logs and history name this request.",
        "required": True,
        "schema": {"type": "string", "examples": ["7f3kq9m2wxy4hc6d"]},
    },
    "WWW-Authenticate": {
        "description": "The scheme to sign in with.",
        "required": True,
        "schema": {"type": "string", "examples": ['Bearer realm="strata"']},
    },
}

PARAMETERS: Mapping[str, Schema] = {
    "IfMatch": {
        "name": "If-Match",
        "in": "header",
        "description": "Change only what still is in one of these states; `*` for any. Otherwise "
        "the answer is 412.",
        "schema": {"type": "string"},
        "example": '"7"',
    },
    "IfNoneMatch": {
        "name": "If-None-Match",
        "in": "header",
        "description": "Answer 304 without a body when this is the state already.",
        "schema": {"type": "string"},
        "example": '"7"',
    },
    "IdempotencyKey": {
        "name": IDEMPOTENCY_KEY,
        "in": "header",
        "description": "Kept for a day: the same request under the same key happens once and gets "
        "the same answer; another request under it gets 409.",
        "schema": {
            "type": "string",
            "minLength": 1,
            "maxLength": MAX_KEY,
            "pattern": "^[ -~]+$",
        },
        "example": "0b6e5c1e-7f0b-4f2c-9d3a-1f1f9c9d7a11",
    },
}

COMPONENTS: Mapping[str, Schema] = {
    "Error": {
        "type": "object",
        "description": "The body of every error.",
        "required": ["code", "message"],
        "properties": {
            "code": {
                "type": "integer",
                "enum": [code.value for code in Code],
                "description": "The gRPC code: "
                + ", ".join(f"{code.value} {code.name}" for code in Code),
            },
            "message": {"type": "string"},
            "details": {
                "type": "array",
                "items": {
                    "oneOf": [
                        {"$ref": "#/components/schemas/ErrorId"},
                        {"$ref": "#/components/schemas/FieldViolations"},
                    ]
                },
            },
        },
        "additionalProperties": False,
    },
    "ErrorId": {
        "type": "object",
        "required": ["@type", "id", "message"],
        "properties": {
            "@type": {"type": "string", "const": f"{TYPE_PREFIX}zitadel.v1.ErrorDetail"},
            "id": {"type": "string", "examples": ["COMMAND-Vigh1"]},
            "message": {"type": "string", "examples": ["No changes"]},
        },
        "additionalProperties": False,
    },
    "FieldViolations": {
        "type": "object",
        "required": ["@type", "fieldViolations"],
        "properties": {
            "@type": {"type": "string", "const": f"{TYPE_PREFIX}google.rpc.BadRequest"},
            "fieldViolations": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["field", "description"],
                    "properties": {
                        "field": {
                            "type": "string",
                            "description": "As the request spells it: `loginV2.baseUri`, "
                            "`improvedPerformance[0]`.",
                        },
                        "description": {"type": "string"},
                    },
                },
            },
        },
        "additionalProperties": False,
    },
}

SECURITY_SCHEMES: Mapping[str, Schema] = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "A token of a user or of an API client (`POST /api/v1/tokens`).",
    },
    "basic": {
        "type": "http",
        "scheme": "basic",
        "description": "The id and the secret of an API client.",
    },
}


def operation(  # noqa: PLR0913 - an operation has that many parts, each by name
    operation_id: str,
    tag: str,
    summary: str,
    *,
    description: str = "",
    parameters: Iterable[Schema] = (),
    body: Schema | None = None,
    body_example: Any = None,
    files: Schema | None = None,
    answer: Schema | None = None,
    example: Any = None,
    status: int = 200,
    tagged: bool = False,
    deprecated: bool = False,
    fails: Iterable[int] = (),
) -> Schema:
    """Return an operation with all its errors and headers.

    ``tagged`` is for answers that carry an entity tag. Without an ``answer`` there is no body.
    ``fails`` are statuses of errors beyond those that follow from the rest; ``files`` are contents
    that may come instead of the JSON body.
    """
    listed = list(parameters)
    has_condition = parameter("IfMatch") in listed
    errors = [
        *EVERYWHERE,
        *(
            WITH_BODY
            if body is not None
            else [409]
            if status == 204 or parameter("IdempotencyKey") in listed or has_condition
            else []
        ),
        *([412] if has_condition else []),
        *fails,
    ]
    success: Schema = {
        "description": "Done." if status == 204 else summary,
        "headers": headers("X-Request-Id", *(["ETag"] if tagged else [])),
    }
    if answer is not None:
        success["content"] = {JSON: {"schema": answer, "example": example}}
    responses: Schema = {str(status): success}
    if parameter("IfNoneMatch") in listed:
        responses["304"] = {
            "description": "It is in the state that If-None-Match names.",
            "headers": headers("X-Request-Id", "ETag"),
        }
    for error in sorted(errors):
        responses[str(error)] = {"$ref": f"#/components/responses/{ERRORS[error][0]}"}
    made: Schema = {
        "operationId": operation_id,
        "tags": [tag],
        "summary": summary,
        "description": description or f"{summary}.",
        "parameters": listed,
        "responses": responses,
        "security": [BEARER, BASIC],
    }
    if body is not None:
        made["requestBody"] = {
            "required": True,
            "content": {JSON: {"schema": body, "example": body_example}} | (files or {}),
        }
    return made | ({"deprecated": True} if deprecated else {})


def ref(name: str) -> Schema:
    """Return the reference to a schema."""
    return {"$ref": f"#/components/schemas/{name}"}


def parameter(name: str) -> Schema:
    """Return the reference to one of the shared PARAMETERS."""
    return {"$ref": f"#/components/parameters/{name}"}


def headers(*names: str) -> Schema:
    """Return references to some of the shared HEADERS."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def query(name: str, description: str, schema: Schema, *, required: bool = False) -> Schema:
    """Return a parameter of the query string."""
    return {
        "name": name,
        "in": "query",
        "description": description,
        "schema": schema,
        "required": required,
    }


def in_path(name: str, description: str, schema: Schema) -> Schema:
    """Return a parameter of the path."""
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "schema": schema,
    }


def error_responses() -> dict[str, Schema]:
    """Return the components of the errors."""
    return {name: _error_response(status) for status, (name, *_rest) in ERRORS.items()}


def _error_response(status: int) -> Schema:
    _, description, code, message = ERRORS[status]
    body = {"code": code.value, "message": message}
    shown: Schema = {"example": body}
    if status == 409:
        shown = {"examples": {"race": {"value": body}, "exists": {"value": ALREADY_EXISTS}}}
    extra = {401: ["WWW-Authenticate"], 429: ["Retry-After"]}.get(status, [])
    return {
        "description": description,
        "headers": headers("X-Request-Id", *extra),
        "content": {JSON: {"schema": ref("Error"), **shown}},
    }
