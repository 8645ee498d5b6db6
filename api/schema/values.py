"""JSON Schemas of what several APIs speak of: ids, texts, times, levels, features' values."""

from typing import Any

from access.permissions import Role
from api.schema.operations import Schema, ref
from events.models import RunState, Surface
from features.catalogue import BUILTINS, Builtin
from features.kinds import KINDS, Choice, ChoiceSet, Integer, Kind, Number, Object, String
from features.kinds import camel_case as camel
from features.models import Stage
from features.serializers import SOURCES
from tenancy.identifiers import PUBLIC_ID_MAX_LENGTH
from tenancy.levels import OWNED_LEVELS, Level

ID: Schema = {
    "type": "string",
    "minLength": 1,
    "maxLength": PUBLIC_ID_MAX_LENGTH,
    "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]+$",
}
TEXT: Schema = {"type": "string"}
ANY: Schema = {"description": "Any JSON value."}
FLAG: Schema = {"type": "boolean"}
REFERENCE: Schema = {"type": "string", "format": "reference", "examples": ["user:bob"]}
FEATURE: Schema = {"type": "string", "format": "feature", "examples": ["user_schema"]}
TIME: Schema = {"type": "string", "format": "date-time"}
MAYBE_TIME: Schema = {"type": ["string", "null"], "format": "date-time"}
TEXT_PATTERN = "^[^\\u0000]*$"

EXAMPLE_TIME = "2026-06-13T06:44:36.154Z"
EXAMPLE_DETAILS = {"sequence": "2", "changeDate": EXAMPLE_TIME, "resourceOwner": "6962902390648833"}


def enum(*values: str, description: str) -> Schema:
    """Return the schema of a few names."""
    return {"type": "string", "enum": list(values), "description": description}


def closed(properties: dict[str, Schema]) -> Schema:
    """Return the schema of an object that has all of these members and no others."""
    return {
        "type": "object",
        "required": list(properties),
        "properties": properties,
        "additionalProperties": False,
    }


def body(properties: dict[str, Schema], *required: str) -> Schema:
    """Return the schema of an object that may have these members, and must have the named."""
    schema: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return schema | ({"required": list(required)} if required else {})


COMPONENTS: dict[str, Schema] = {
    "Source": enum(
        *SOURCES.values(),
        description="The level that a value came from; SOURCE_UNSPECIFIED is the default.",
    ),
    "Level": enum(
        *(level.label for level in OWNED_LEVELS),
        description="A level; each inherits from the one before it.",
    ),
    "Stage": enum(*Stage.values, description="How far a feature has come."),
    "Kind": enum(*KINDS, description="The type of a feature's value."),
    "Role": enum(*(role.value for role in Role), description="What a user may do, and where."),
    "Surface": enum(*Surface.values, description="Where a change came in."),
    "RunState": enum(*RunState.values, description="How far a run has come."),
    "Details": {
        "type": "object",
        "description": "Where the owner's history stands.",
        "required": ["sequence", "resourceOwner"],
        "properties": {
            "sequence": {
                "type": "string",
                "pattern": "^[0-9]+$",
                "description": "A 64-bit counter of the owner's changes, as text.",
            },
            "changeDate": TIME | {"description": "Of the last change; absent before the first."},
            "creationDate": TIME | {"description": "Of the first change (version 1 alone)."},
            "resourceOwner": {
                "type": "string",
                "description": "SYSTEM, an instance's id or an organization's id.",
            },
        },
        "additionalProperties": False,
        "example": EXAMPLE_DETAILS,
    },
}


def describe_kind(kind: Kind) -> Schema:
    """Return the JSON Schema of a kind's values, as requests spell them."""
    match kind:
        case Integer():
            return {"type": "integer", "minimum": kind.minimum, "maximum": kind.maximum}
        case Number():
            return {"type": "number", "minimum": kind.minimum, "maximum": kind.maximum}
        case String():
            return {"type": "string", "maxLength": kind.max_length}
        case Choice():
            return {"type": "string", "enum": list(kind.choices)}
        case ChoiceSet():
            items = {"type": "string", "enum": list(kind.choices)}
            return {"type": "array", "items": items, "uniqueItems": True}
        case Object():
            return describe_object(kind)
    return {"type": "boolean"}


def describe_object(kind: Object) -> Schema:
    """Return the schema of an object, its properties spelt in lowerCamelCase.

    They may be where no others are allowed, which is what the built-in ones say.
    """
    schema: Schema = dict(kind.schema)
    if schema.get("additionalProperties") is False:
        schema["properties"] = {
            camel(name): _portable(rules) for name, rules in schema["properties"].items()
        }
    return schema


def describe_answer(builtin: Builtin) -> Schema:
    """Return the schema of a built-in feature in an answer: its value and the source."""
    value = describe_kind(builtin.kind)
    members = {builtin.answer_name: value} if builtin.answer_name else value["properties"]
    required = [builtin.answer_name] if builtin.answer_name else list(builtin.default)
    return {
        "type": "object",
        "required": [*required, "source"],
        "properties": members | {"source": ref("Source")},
        "additionalProperties": False,
    }


def changeable_at(level: Level) -> list[Builtin]:
    """Return the built-in features that may be set at a level."""
    return [builtin for builtin in BUILTINS if level in builtin.levels]


def nullable(schema: Schema) -> Schema:
    """Return the schema that takes null as well, which inherits."""
    if "enum" in schema:
        return schema | {"type": ["string", "null"], "enum": [*schema["enum"], None]}
    return schema | {"type": [schema["type"], "null"]}


def _portable(rules: Any) -> Any:
    """Return a property's schema with the format that everybody knows for a web address.

    An empty one is as good as none.
    """
    if rules.get("format") != "http-uri":
        return rules
    return {"anyOf": [rules | {"format": "uri"}, {"type": "string", "maxLength": 0}]}
