"""The feature API: the same four resources under two prefixes, and the call of the first version.

The bodies follow from the built-in catalogue. Custom features, which administrators define, are the
additional properties; `GET /api/v1/features` lists them with their kinds.
"""

from api.schema.operations import Schema, in_path, operation, parameter, query, ref
from api.schema.values import (
    EXAMPLE_DETAILS,
    ID,
    changeable_at,
    describe_answer,
    describe_kind,
    nullable,
)
from features.catalogue import BUILTINS
from features.kinds import camel_case
from tenancy.levels import OWNED_LEVELS, Level

TAG = "Features"
PREFIXES = ("/v2", "/v2beta")

INHERITANCE = query(
    "inheritance",
    "true: the value that counts of every feature, and its source. false: only what the owner sets "
    "itself, 404 if that is nothing.",
    {"type": "boolean", "default": False},
)
FEATURES_EXAMPLE = {
    "details": EXAMPLE_DETAILS,
    "loginDefaultOrg": {"enabled": True, "source": "SOURCE_SYSTEM"},
    "improvedPerformance": {
        "executionPaths": ["IMPROVED_PERFORMANCE_PROJECT"],
        "source": "SOURCE_INSTANCE",
    },
    "loginV2": {
        "required": True,
        "baseUri": "https://login.example.com",
        "source": "SOURCE_INSTANCE",
    },
}
CHANGES_EXAMPLE = {
    "loginDefaultOrg": True,
    "userSchema": None,
    "improvedPerformance": ["IMPROVED_PERFORMANCE_PROJECT"],
    "loginV2": {"required": True, "baseUri": "https://login.example.com"},
}


def changes_name(level: Level) -> str:
    """Return the name of the schema of a level's change set."""
    return f"{level.label.capitalize()}FeatureChanges"


def components() -> dict[str, Schema]:
    """Return the schemas of change sets and answers."""
    answers = {camel_case(builtin.key): describe_answer(builtin) for builtin in BUILTINS}
    return {
        **{changes_name(level): _changes(level) for level in OWNED_LEVELS},
        "CustomFeature": {
            "type": "object",
            "description": "A custom feature: `enabled` for a boolean one, `value` for the others.",
            "required": ["source"],
            "properties": {
                "enabled": {"type": "boolean"},
                "value": {"description": "Of the feature's kind."},
                "source": ref("Source"),
            },
            "additionalProperties": False,
        },
        "Features": {
            "type": "object",
            "description": "Features with their values and where these come from.",
            "required": ["details"],
            "properties": {"details": ref("Details"), **answers},
            "additionalProperties": ref("CustomFeature"),
        },
        "Changed": {
            "type": "object",
            "required": ["details"],
            "properties": {"details": ref("Details")},
            "additionalProperties": False,
        },
        "SingleValue": {
            "type": "object",
            "description": "The value by its type: `bool`, or `value` for any kind. Null inherits.",
            "properties": {"bool": {"type": ["boolean", "null"]}, "value": {}},
            "additionalProperties": False,
            "minProperties": 1,
            "maxProperties": 1,
        },
    }


def paths() -> dict[str, Schema]:
    """Return the paths of the feature API."""
    found: dict[str, Schema] = {}
    for prefix in PREFIXES:
        for level in OWNED_LEVELS:
            has_id = level in {Level.ORGANIZATION, Level.USER}
            name = f"{level.label}_id"
            path = f"{prefix}/features/{level.label}" + (f"/{{{name}}}" if has_id else "")
            found[path] = _of_level(level, prefix, [in_path(name, "The id.", ID)] if has_id else [])
    for prefix in ("/system/v1", ""):
        found[f"{prefix}/instances/{{instance_id}}/features/{{feature_id}}"] = {
            "put": _set_one(is_bare=not prefix)
        }
    return found


def _of_level(level: Level, prefix: str, ids: list[Schema]) -> Schema:
    old = prefix != PREFIXES[0]
    suffix = f"{level.label.capitalize()}Features{'V2beta' if old else ''}"
    article = (
        f"{'the' if level is not Level.USER and not ids else 'a' if level is Level.USER else 'an'}"
    )
    whose = f"{article} {level.label}"
    return {
        "get": operation(
            f"get{suffix}",
            TAG,
            f"Read the features of {whose}",
            parameters=[*ids, INHERITANCE, parameter("IfNoneMatch")],
            answer=ref("Features"),
            example=FEATURES_EXAMPLE,
            tagged=True,
            deprecated=old,
        ),
        "put": operation(
            f"set{suffix}",
            TAG,
            f"Change features of {whose}",
            description="Only the features present are touched; null inherits again. All of it "
            "happens, or nothing. What already holds is no change.",
            parameters=[*ids, parameter("IfMatch")],
            body=ref(changes_name(level)),
            body_example=CHANGES_EXAMPLE,
            answer=ref("Changed"),
            example={"details": EXAMPLE_DETAILS},
            deprecated=old,
        ),
        "delete": operation(
            f"reset{suffix}",
            TAG,
            f"Reset the features of {whose}",
            description="Removes everything set here, so that it inherits again.",
            parameters=[*ids, parameter("IfMatch")],
            answer=ref("Changed"),
            example={"details": EXAMPLE_DETAILS},
            deprecated=old,
        ),
    }


def _set_one(*, is_bare: bool) -> Schema:
    return operation(
        "setInstanceFeatureBare" if is_bare else "setInstanceFeature",
        TAG,
        "Set one feature of an instance",
        description="For operators of the system, of any instance.",
        parameters=[
            in_path("instance_id", "The instance's id.", ID),
            in_path(
                "feature_id",
                "INSTANCE_FEATURE_LOGIN_DEFAULT_ORG or 1, or the key of any feature that may be "
                "set on an instance.",
                {"type": "string", "minLength": 1, "pattern": "^[^/]+$"},
            ),
            parameter("IfMatch"),
        ],
        body=ref("SingleValue"),
        body_example={"bool": True},
        answer=ref("Changed"),
        example={"details": {**EXAMPLE_DETAILS, "creationDate": EXAMPLE_DETAILS["changeDate"]}},
    )


def _changes(level: Level) -> Schema:
    return {
        "type": "object",
        "description": f"What to change at {level.label} level; absent features stay as they are. "
        "Custom features, too, by their names; snake_case is accepted.",
        "properties": {
            camel_case(builtin.key): nullable(describe_kind(builtin.kind))
            | {"description": builtin.description}
            for builtin in changeable_at(level)
        },
        "minProperties": 1,
        "additionalProperties": {"description": "A custom feature's value, or null to inherit."},
    }
