"""The features' definitions in the management API."""

from typing import Any

from api.schema.operations import Schema, in_path, operation, parameter, query, ref
from api.schema.resources import PREFIX, page_of, paging
from api.schema.values import (
    ANY,
    EXAMPLE_TIME,
    FLAG,
    MAYBE_TIME,
    TEXT,
    TIME,
    body,
    closed,
)
from api.views.definitions import DefinitionViewSet

DEFINITIONS = "Definitions"

KEY: Schema = {"type": "string", "pattern": "^[a-z][a-z0-9_]{0,99}$"}
DEFINITION_FIELDS: dict[str, Schema] = {
    "name": TEXT | {"minLength": 1, "maxLength": 200},
    "description": TEXT | {"maxLength": 2000},
    "kind": ref("Kind"),
    "options": {"type": "object", "description": "What the kind takes: choices, schema, bounds."},
    "default": ANY,
    "levels": {"type": "array", "items": ref("Level"), "minItems": 1},
    "stage": ref("Stage"),
    "enabled": FLAG,
    "expires_on": {"type": ["string", "null"], "format": "date"},
}
DEFINITION_EXAMPLE: dict[str, Any] = {
    "key": "dark_mode",
    "json_name": "darkMode",
    "name": "Dark mode",
    "description": "Shows pages in dark colours.",
    "kind": "boolean",
    "options": {},
    "default": False,
    "levels": ["system", "instance", "organization", "user"],
    "stage": "experimental",
    "enabled": True,
    "expires_on": None,
    "builtin": False,
    "archived": None,
    "created": EXAMPLE_TIME,
}


def components() -> dict[str, Schema]:
    """Return the schemas."""
    return {
        "Definition": closed(
            {
                "key": KEY,
                "json_name": TEXT,
                **DEFINITION_FIELDS,
                "builtin": FLAG,
                "archived": MAYBE_TIME,
                "created": TIME,
            }
        ),
        "DefinitionPage": page_of(ref("Definition")),
        "NewDefinition": body({"key": KEY, **DEFINITION_FIELDS}, "key", "kind", "default"),
        "DefinitionChanges": body(DEFINITION_FIELDS)
        | {"description": "A built-in takes `enabled` and `expires_on` alone."},
    }


def paths() -> dict[str, Schema]:
    """Return the paths."""
    ids = [in_path("key", "The feature's key.", TEXT | {"minLength": 1, "pattern": "^[^/]+$"})]
    conditions = [*ids, parameter("IfMatch"), parameter("IdempotencyKey")]
    shown: dict[str, Any] = {
        "answer": ref("Definition"),
        "example": DEFINITION_EXAMPLE,
        "tagged": True,
    }
    derived = {"json_name", "builtin", "archived", "created"}
    given = {name: value for name, value in DEFINITION_EXAMPLE.items() if name not in derived}
    member = f"{PREFIX}/features/{{key}}"
    return {
        f"{PREFIX}/features": {
            "get": operation(
                "listDefinitions",
                DEFINITIONS,
                "List the features' definitions",
                parameters=[
                    query("kind", "Only those of this kind.", ref("Kind")),
                    query("stage", "Only those at this stage.", ref("Stage")),
                    *paging(DefinitionViewSet),
                    parameter("IfNoneMatch"),
                ],
                answer=ref("DefinitionPage"),
                example={"results": [DEFINITION_EXAMPLE], "next": None},
                tagged=True,
            ),
            "post": operation(
                "createDefinition",
                DEFINITIONS,
                "Define a feature",
                parameters=[parameter("IdempotencyKey")],
                body=ref("NewDefinition"),
                body_example=given,
                status=201,
                **shown,
            ),
        },
        member: {
            "get": operation(
                "getDefinition",
                DEFINITIONS,
                "Read a feature's definition",
                parameters=[*ids, parameter("IfNoneMatch")],
                **shown,
            ),
            "patch": operation(
                "changeDefinition",
                DEFINITIONS,
                "Change a feature's definition",
                description="Refused where values that are set would no longer fit; the message "
                "says how many.",
                parameters=conditions,
                body=ref("DefinitionChanges"),
                body_example={"enabled": False},
                **shown,
            ),
        },
        **{
            f"{member}/{verb}": {
                "post": operation(
                    f"{verb}Definition", DEFINITIONS, summary, parameters=conditions, **shown
                )
            }
            for verb, summary in (
                ("archive", "Take a feature out of use; its values stay"),
                ("restore", "Take an archived feature into use again"),
            )
        },
    }
