"""What the management API has beside resources: explanations, passwords and tokens."""

from access.services import DEFAULT_LIFETIME, DESCRIPTION_LENGTH, MAXIMUM_LIFETIME
from access.tenants import PASSWORD_LENGTH
from api.schema.operations import Schema, in_path, operation, parameter, query, ref
from api.schema.resources import NUMBER, PREFIX, page_of, paging
from api.schema.values import EXAMPLE_TIME, ID, MAYBE_TIME, TEXT_PATTERN, TIME, closed
from api.views.tokens import TokenViewSet

TOKEN_EXAMPLE = {
    "id": "12",
    "user": "bob",
    "prefix": "strata_7f3k",
    "description": "nightly import",
    "permissions": ["org.feature.read"],
    "created": EXAMPLE_TIME,
    "expires": "2026-09-11T06:44:36.154Z",
    "last_used": None,
}
EXPLANATION_EXAMPLE = {
    "owner": "user:main/bob",
    "feature": "user_schema",
    "value": True,
    "source": "SOURCE_INSTANCE",
    "explanation": "On, because the instance main set it on 13 June 2026.",
    "levels": [
        {
            "level": "default",
            "owner": None,
            "set": True,
            "value": False,
            "locked": False,
            "winner": False,
            "changed": None,
        },
        {
            "level": "instance",
            "owner": "instance:main",
            "set": True,
            "value": True,
            "locked": False,
            "winner": True,
            "changed": EXAMPLE_TIME,
        },
    ],
}


def components() -> dict[str, Schema]:
    """Return the schemas of an explanation, of a password and of tokens."""
    level: dict[str, Schema] = {
        "level": {"type": "string", "description": "`default` or one of the four levels."},
        "owner": {"type": ["string", "null"]},
        "set": {"type": "boolean"},
        "value": {"description": "Null where it inherits."},
        "locked": {"type": "boolean"},
        "winner": {"type": "boolean"},
        "changed": MAYBE_TIME,
    }
    explanation: dict[str, Schema] = {
        "owner": {"type": "string"},
        "feature": {"type": "string"},
        "value": {"description": "The value that counts."},
        "source": ref("Source"),
        "explanation": {"type": "string"},
        "levels": {"type": "array", "items": ref("ExplainedLevel")},
    }
    names = {"type": "array", "items": {"type": "string", "format": "permission"}}
    token: dict[str, Schema] = {
        "id": {"type": "string"},
        "user": {"type": "string", "description": "The holder, when it is a user."},
        "client": {"type": "string", "description": "The holder, when it is an API client."},
        "prefix": {"type": "string", "description": "How the token begins, to recognize it."},
        "description": {"type": "string"},
        "permissions": {
            "type": ["array", "null"],
            "items": {"type": "string"},
            "description": "Null: all that its holder may do.",
        },
        "created": TIME,
        "expires": TIME,
        "last_used": MAYBE_TIME,
    }
    required = [name for name in token if name not in {"user", "client"}]
    holders = [{"required": ["user"]}, {"required": ["client"]}]
    return {
        "ExplainedLevel": closed(level),
        "Explanation": closed(explanation),
        "Token": {"type": "object", "required": required, "properties": token},
        "IssuedToken": {
            "type": "object",
            "required": [*required, "token"],
            "properties": token
            | {"token": {"type": "string", "description": "Shown in this answer and never again."}},
        },
        "NewPassword": {
            "type": "object",
            "required": ["password"],
            "properties": {
                "password": {
                    "type": "string",
                    "format": "password",
                    "minLength": 1,
                    "maxLength": PASSWORD_LENGTH,
                    "pattern": TEXT_PATTERN,
                }
            },
            "additionalProperties": False,
        },
        "TokenPage": page_of(ref("Token")),
        "NewToken": {
            "type": "object",
            "description": "Whose token it is, a user's or an API client's, and what it may do.",
            "properties": {
                "user": ID,
                "client": ID,
                "expires_in_days": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": MAXIMUM_LIFETIME.days,
                    "default": DEFAULT_LIFETIME.days,
                },
                "permissions": names
                | {"description": "Absent: all that holder and issuer both may do."},
                "description": {
                    "type": "string",
                    "maxLength": DESCRIPTION_LENGTH,
                    "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]*$",
                },
            },
            "oneOf": holders,
            "additionalProperties": False,
        },
    }


def paths() -> dict[str, Schema]:
    """Return the paths of explanations, passwords and tokens."""
    return {
        f"{PREFIX}/explain": {"get": _explain()},
        f"{PREFIX}/passwords/{{public_id}}": {"put": _set_password()},
        f"{PREFIX}/tokens": {"get": _list_tokens(), "post": _issue_token()},
        f"{PREFIX}/tokens/{{token_id}}": {
            "delete": operation(
                "revokeToken",
                "Tokens",
                "End a token at once",
                parameters=[in_path("token_id", "The id.", NUMBER), parameter("IdempotencyKey")],
                status=204,
            )
        },
    }


def _set_password() -> Schema:
    return operation(
        "setPassword",
        "Tenants",
        "Set a user's password",
        description="The user's sessions end; tokens go on. Takes user.write, and for a user who "
        "holds roles the right to grant each of them. The password is checked by the server's "
        "rules and is nowhere told again.",
        parameters=[in_path("public_id", "The user's id.", ID)],
        body=ref("NewPassword"),
        body_example={"password": "correct horse battery staple"},
        status=204,
    )


def _explain() -> Schema:
    owner = {"type": "string", "format": "reference", "examples": ["user:bob"]}
    feature = {"type": "string", "format": "feature", "examples": ["user_schema"]}
    return operation(
        "explain",
        "Features",
        "Explain why a feature has its value",
        parameters=[
            query("owner", "system, instance, organization:ID or user:ID", owner, required=True),
            query("feature", "The feature's key or JSON name.", feature, required=True),
            parameter("IfNoneMatch"),
        ],
        answer=ref("Explanation"),
        example=EXPLANATION_EXAMPLE,
        tagged=True,
    )


def _list_tokens() -> Schema:
    return operation(
        "listTokens",
        "Tokens",
        "List tokens",
        description="The tokens of the instance's users and clients, the newest first.",
        parameters=[
            query("user", "Only those of this user.", ID),
            query("client", "Only those of this client.", ID),
            *paging(TokenViewSet),
            parameter("IfNoneMatch"),
        ],
        answer=ref("TokenPage"),
        example={"results": [TOKEN_EXAMPLE], "next": None},
        tagged=True,
    )


def _issue_token() -> Schema:
    return operation(
        "issueToken",
        "Tokens",
        "Issue a token",
        description="Never one that may more than its issuer. With an Idempotency-Key it is issued "
        "once; a second request gets 409, for the token is shown only once.",
        parameters=[parameter("IdempotencyKey")],
        body=ref("NewToken"),
        body_example={"user": "bob", "expires_in_days": 30, "permissions": ["org.feature.read"]},
        answer=ref("IssuedToken"),
        example={**TOKEN_EXAMPLE, "token": "strata_7f3k…"},
        status=201,
    )
