"""The security settings of an instance, and the OAuth endpoints for impersonation."""

from typing import Any

from api.schema.operations import BASIC, FORM, JSON, Schema, headers, operation, parameter, ref
from api.schema.values import EXAMPLE_DETAILS
from security.exchange import ACCESS_TOKEN, GRANT_TYPE, USER_ID
from security.origins import MAX_LENGTH, MAX_ORIGINS

TAG, OAUTH = "Security settings", "OAuth"

SETTINGS_EXAMPLE = {
    "embeddedIframe": {"enabled": True, "allowedOrigins": ["https://app.example.com"]},
    "enableImpersonation": False,
}
OAUTH_ERRORS = (
    *("invalid_request", "invalid_client", "invalid_grant", "invalid_scope"),
    *("unsupported_grant_type", "access_denied"),
)


def components() -> dict[str, Schema]:
    """Return the schemas of settings, token answers and OAuth's errors."""
    iframe = {
        "type": "object",
        "properties": {
            "enabled": {"type": "boolean", "description": "Whether anybody may embed pages."},
            "allowedOrigins": {
                "type": "array",
                "maxItems": MAX_ORIGINS,
                "uniqueItems": True,
                "items": {
                    "type": "string",
                    "format": "origin",
                    "maxLength": MAX_LENGTH,
                    "examples": ["https://app.example.com"],
                },
            },
        },
        "additionalProperties": False,
    }
    settings: Schema = {
        "type": "object",
        "description": "Who may embed the instance's pages, and whether users may be impersonated.",
        "properties": {
            "embeddedIframe": iframe,
            "enableImpersonation": {"type": "boolean"},
        },
        "additionalProperties": False,
    }
    return {
        "SecuritySettings": settings,
        "SecurityChanges": settings
        | {
            "description": "What to change; at least one setting.",
            "minProperties": 1,
            "not": {
                "description": "An object in which nothing is named changes nothing.",
                "properties": {"embeddedIframe": {"maxProperties": 0}},
                "required": ["embeddedIframe"],
                "maxProperties": 1,
            },
        },
        "SecurityAnswer": {
            "type": "object",
            "required": ["details", "settings"],
            "properties": {"details": ref("Details"), "settings": ref("SecuritySettings")},
            "additionalProperties": False,
        },
        "IssuedAccessToken": {
            "type": "object",
            "required": [
                *("access_token", "issued_token_type", "token_type", "expires_in", "scope")
            ],
            "properties": {
                "access_token": {"type": "string"},
                "issued_token_type": {"type": "string", "const": ACCESS_TOKEN},
                "token_type": {"type": "string", "const": "Bearer"},
                "expires_in": {"type": "integer", "description": "Seconds."},
                "scope": {"type": "string"},
            },
        },
        "TokenState": {
            "type": "object",
            "description": "What a token of the instance means; inactive for everything else.",
            "required": ["active"],
            "properties": {
                "active": {"type": "boolean"},
                "sub": {"type": "string"},
                "act": {
                    "type": "object",
                    "description": "Who acts in the subject's name.",
                    "required": ["sub"],
                    "properties": {"sub": {"type": "string"}},
                },
                "scope": {"type": "string"},
                "exp": {"type": "integer"},
                "iat": {"type": "integer"},
                "client_id": {"type": "string"},
                "token_type": {"type": "string"},
            },
        },
        "OAuthError": {
            "type": "object",
            "required": ["error", "error_description"],
            "properties": {
                "error": {"type": "string", "enum": list(OAUTH_ERRORS)},
                "error_description": {"type": "string"},
            },
        },
    }


def paths() -> dict[str, Schema]:
    """Return the paths of the settings and of OAuth."""
    found: dict[str, Schema] = {
        f"{prefix}/{name}/security": _settings(prefix, name)
        for prefix in ("/v2", "/v2beta")
        for name in ("settings", "policies")
    }
    found["/oauth/v2/token"] = {"post": _exchange()}
    found["/oauth/v2/introspect"] = {"post": _introspect()}
    return found


def _settings(prefix: str, name: str) -> Schema:
    old = prefix != "/v2"
    suffix = "SecuritySettings" if name == "settings" else "SecurityPolicy"
    suffix += "V2beta" if old else ""
    answer: dict[str, Any] = {"answer": ref("Changed"), "example": {"details": EXAMPLE_DETAILS}}
    body: dict[str, Any] = {"body": ref("SecuritySettings"), "body_example": SETTINGS_EXAMPLE}
    shared: dict[str, Any] = {"parameters": [parameter("IfMatch")], "deprecated": old}
    replacement = operation(
        f"set{suffix}",
        TAG,
        "Replace the security settings",
        description="Replaces everything: what is absent becomes off or empty. So does all of it "
        "without a body.",
        **body,
        **answer,
        **shared,
    )
    replacement["requestBody"]["required"] = False
    return {
        "get": operation(
            f"get{suffix}",
            TAG,
            "Read the security settings",
            parameters=[parameter("IfNoneMatch")],
            answer=ref("SecurityAnswer"),
            example={"details": EXAMPLE_DETAILS, "settings": SETTINGS_EXAMPLE},
            tagged=True,
            deprecated=old,
        ),
        "put": replacement,
        "patch": operation(
            f"change{suffix}",
            TAG,
            "Change security settings",
            description="Changes only what is present, to any depth.",
            **body | {"body": ref("SecurityChanges")},
            **answer,
            **shared,
        ),
    }


def _oauth(
    operation_id: str,
    summary: str,
    fields: dict[str, Schema],
    required: list[str],
    answer: Schema,
    examples: tuple[Schema, Schema],
) -> Schema:
    credentials = {
        "client_id": {"type": "string", "description": "Instead of HTTP Basic."},
        "client_secret": {"type": "string", "description": "Instead of HTTP Basic."},
    }
    form = {"type": "object", "required": required, "properties": fields | credentials}
    error = {JSON: {"schema": ref("OAuthError")}}
    return {
        "operationId": operation_id,
        "tags": [OAUTH],
        "summary": summary,
        "description": f"{summary}. The caller is an API client with `access_issuer` or `owner`.",
        "requestBody": {
            "required": True,
            "content": {FORM: {"schema": form, "example": examples[0]}},
        },
        "responses": {
            "200": {
                "description": summary,
                "headers": headers("X-Request-Id"),
                "content": {JSON: {"schema": answer, "example": examples[1]}},
            },
            **{
                status: {
                    "description": description,
                    "headers": headers("X-Request-Id", *extra),
                    "content": error,
                }
                for status, description, extra in (
                    ("400", "A parameter, token, scope or grant type is not valid.", []),
                    ("401", "The client's credentials are not valid.", ["WWW-Authenticate"]),
                    ("403", "The client or the impersonator may not do that.", []),
                    ("404", "No instance answers at this host.", []),
                    ("429", "Too many wrong credentials.", ["Retry-After"]),
                )
            },
            "500": {"$ref": "#/components/responses/InternalError"},
            "503": {"$ref": "#/components/responses/Unavailable"},
        },
        "security": [BASIC, {}],
    }


def _exchange() -> Schema:
    token: Schema = {"type": "string", "minLength": 1}
    return _oauth(
        "exchangeToken",
        "Get a token that acts in a user's name (RFC 8693)",
        {
            "grant_type": {"type": "string", "const": GRANT_TYPE},
            "subject_token": token | {"description": "A user's token, or the user's id."},
            "subject_token_type": {"type": "string", "enum": [ACCESS_TOKEN, USER_ID]},
            "actor_token": token | {"description": "The impersonator's token."},
            "actor_token_type": {"type": "string", "const": ACCESS_TOKEN},
            "requested_token_type": {"type": "string", "const": ACCESS_TOKEN},
            "scope": {"type": "string", "description": "Permissions, separated by spaces."},
        },
        [
            *("grant_type", "subject_token", "subject_token_type"),
            *("actor_token", "actor_token_type"),
        ],
        ref("IssuedAccessToken"),
        (
            {
                "grant_type": GRANT_TYPE,
                "subject_token": "bob",
                "subject_token_type": USER_ID,
                "actor_token": "strata_…",
                "actor_token_type": ACCESS_TOKEN,
            },
            {
                "access_token": "strata_…",
                "issued_token_type": ACCESS_TOKEN,
                "token_type": "Bearer",
                "expires_in": 3600,
                "scope": "user.feature.read",
            },
        ),
    )


def _introspect() -> Schema:
    return _oauth(
        "introspectToken",
        "Ask what a token means (RFC 7662)",
        {"token": {"type": "string", "minLength": 1}},
        ["token"],
        ref("TokenState"),
        ({"token": "strata_…"}, {"active": True, "sub": "bob", "token_type": "Bearer"}),
    )
