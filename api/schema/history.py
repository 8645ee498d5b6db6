"""Definitions, overrides, locks, events, runs and bulk plans in the management API."""

from typing import Any

from api.pagination import DEFAULT_LIMIT, MAX_LIMIT
from api.plans import LARGEST
from api.schema.operations import Schema, in_path, operation, parameter, query, ref
from api.schema.resources import NUMBER, PREFIX, page_of, paging
from api.schema.values import EXAMPLE_DETAILS, EXAMPLE_TIME, MAYBE_TIME, TIME
from api.views.base import MAX_FILTER
from api.views.definitions import DefinitionViewSet
from api.views.events import EventViewSet

DEFINITIONS, OVERRIDES, HISTORY = "Definitions", "Overrides", "History"

TEXT: Schema = {"type": "string"}
ANY: Schema = {"description": "Any JSON value."}
FLAG: Schema = {"type": "boolean"}
KEY: Schema = {"type": "string", "pattern": "^[a-z][a-z0-9_]{0,99}$"}
UUID: Schema = {"type": "string", "format": "uuid"}
REFERENCE: Schema = {"type": "string", "format": "reference", "examples": ["user:bob"]}
FEATURE: Schema = {"type": "string", "format": "feature", "examples": ["user_schema"]}
FILTER: Schema = {
    "type": "string",
    "minLength": 1,
    "maxLength": MAX_FILTER,
    "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]+$",
}
RUN_ID = "0b6e5c1e-7f0b-4f2c-9d3a-1f1f9c9d7a11"
SIGNATURE = "5e884898da28047151d0e56f8dc62927"
DRY_RUN = {
    "dry_run": FLAG | {"description": "Only say what it would do.", "default": False},
    "seen": TEXT | {"maxLength": 64, "description": "Apply only if the plan still is this one."},
    "reason": TEXT | {"maxLength": 1000, "pattern": "^[^\\u0000]*$"},
}
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
OVERRIDE_EXAMPLE = {
    "level": "user",
    "owner": "user:main/bob",
    "feature": "dark_mode",
    "value": True,
    "locked": False,
    "changed": EXAMPLE_TIME,
}
PERSON_EXAMPLE = {"type": "user", "id": "alice", "name": "alice"}
EVENT_EXAMPLE = {
    "id": 7,
    "stream": "user/main/bob",
    "owner": "user:main/bob",
    "sequence": 2,
    "type": "features.set",
    "subject": "dark_mode",
    "before": None,
    "after": True,
    "locked_before": False,
    "locked_after": False,
    "actor": PERSON_EXAMPLE,
    "on_behalf_of": None,
    "surface": "api",
    "reason": "",
    "run": None,
    "request_id": "7f3kq9m2wxy4hc6d",
    "address": "192.0.2.7",
    "created": EXAMPLE_TIME,
}
RUN_EXAMPLE = {
    "id": RUN_ID,
    "kind": "bulk",
    "state": "done",
    "actor": PERSON_EXAMPLE,
    "surface": "api",
    "reason": "roll-out",
    "undoes": None,
    "changed": 1,
    "unchanged": 0,
    "errors": 0,
    "started": EXAMPLE_TIME,
    "finished": EXAMPLE_TIME,
}
PLAN_EXAMPLE: dict[str, Any] = {
    "dry_run": True,
    "run": None,
    "seen": SIGNATURE,
    "summary": {"changed": 1, "unchanged": 0, "errors": 0, "owners": 1, "levels": {"user": 1}},
    "changes": [
        {
            "level": "user",
            "owner": "user:main/bob",
            "feature": "dark_mode",
            "before": None,
            "after": True,
            "locked_before": False,
            "locked_after": False,
        }
    ],
    "errors": [],
}


def components() -> dict[str, Schema]:
    """Return the schemas."""
    change = {
        name: ANY if name in {"before", "after"} else FLAG if name.startswith("locked") else TEXT
        for name in PLAN_EXAMPLE["changes"][0]
    }
    counts = {name: {"type": "integer"} for name in ("changed", "unchanged", "errors", "owners")}
    levels = {"type": "object", "additionalProperties": {"type": "integer"}}
    row: dict[str, Schema] = {
        "level": ref("Level"),
        "owner": TEXT | {"description": "The id; absent for the system and the instance."},
        "feature": FEATURE,
        "value": {"description": "Of the feature's kind; null inherits."},
    }
    rows = {"type": "array", "minItems": 1, "maxItems": LARGEST, "items": ref("PlanRow")}
    return {
        "Definition": _closed(
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
        "NewDefinition": _body({"key": KEY, **DEFINITION_FIELDS}, "key", "kind", "default"),
        "DefinitionChanges": _body(DEFINITION_FIELDS)
        | {"description": "A built-in takes `enabled` and `expires_on` alone."},
        "Override": _closed(
            {
                "level": ref("Level"),
                "owner": TEXT,
                "feature": TEXT,
                "value": ANY,
                "locked": FLAG,
                "changed": TIME,
            }
        ),
        "OverridePage": page_of(ref("Override")),
        "NewLock": _body(
            {"owner": REFERENCE, "feature": FEATURE, "locked": FLAG}, "owner", "feature", "locked"
        ),
        "Lock": _closed(
            {"owner": TEXT, "feature": TEXT, "locked": FLAG, "details": ref("Details")}
        ),
        "Person": _closed(dict.fromkeys(PERSON_EXAMPLE, TEXT)),
        "Event": _closed(
            {
                "id": {"type": "integer"},
                "stream": TEXT,
                "owner": {"type": ["string", "null"]},
                "sequence": {"type": "integer"},
                "type": TEXT,
                "subject": TEXT,
                "before": ANY,
                "after": ANY,
                "locked_before": FLAG,
                "locked_after": FLAG,
                "actor": ref("Person"),
                "on_behalf_of": {"oneOf": [ref("Person"), {"type": "null"}]},
                "surface": ref("Surface"),
                "reason": TEXT,
                "run": {"type": ["string", "null"]},
                "request_id": TEXT,
                "address": TEXT,
                "created": TIME,
            }
        ),
        "EventPage": page_of(ref("Event")),
        "Run": _closed(
            {
                "id": UUID,
                "kind": TEXT,
                "state": ref("RunState"),
                "actor": ref("Person"),
                "surface": ref("Surface"),
                "reason": TEXT,
                "undoes": {"type": ["string", "null"]},
                **{name: {"type": "integer"} for name in ("changed", "unchanged", "errors")},
                "started": TIME,
                "finished": MAYBE_TIME,
            }
        ),
        "PlanRow": _body(row, "level", "feature", "value"),
        "NewPlan": _body({"rows": rows, **DRY_RUN}, "rows"),
        "Undo": _body(DRY_RUN),
        "PlannedChange": _closed(change),
        "PlanFault": _closed({"row": {"type": "integer"}, "code": TEXT, "message": TEXT}),
        "Plan": _closed(
            {
                "dry_run": FLAG,
                "run": {"type": ["string", "null"], "description": "The run that it became."},
                "seen": TEXT | {"description": "Names this plan; send it back to apply it alone."},
                "summary": _closed({**counts, "levels": levels}),
                "changes": {"type": "array", "items": ref("PlannedChange")},
                "errors": {"type": "array", "items": ref("PlanFault")},
            }
        ),
    }


def paths() -> dict[str, Schema]:
    """Return the paths."""
    return {**_definitions(), **_overrides(), **_events()}


def _definitions() -> dict[str, Schema]:
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


def _overrides() -> dict[str, Schema]:
    limit = {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}
    return {
        f"{PREFIX}/overrides": {
            "get": operation(
                "listOverrides",
                OVERRIDES,
                "List what owners set",
                description="The overrides of the instance and of the system that the caller sees, "
                "from the widest level to the nearest.",
                parameters=[
                    query("level", "Only those of this level.", ref("Level")),
                    query("owner", "Only those of this owner.", REFERENCE),
                    query("feature", "Only those of this feature.", FEATURE),
                    query("locked", "Only those that are locked, or are not.", FLAG),
                    query("limit", "How many at most.", limit),
                    query("cursor", "`next` of the page before.", TEXT | {"format": "cursor"}),
                    parameter("IfNoneMatch"),
                ],
                answer=ref("OverridePage"),
                example={"results": [OVERRIDE_EXAMPLE], "next": None},
                tagged=True,
            )
        },
        f"{PREFIX}/locks": {
            "post": operation(
                "lockFeature",
                OVERRIDES,
                "Lock or unlock a feature at an owner",
                description="A lock keeps the levels below from setting the feature.",
                parameters=[parameter("IdempotencyKey")],
                body=ref("NewLock"),
                body_example={"owner": "instance", "feature": "dark_mode", "locked": True},
                answer=ref("Lock"),
                example={
                    "owner": "instance",
                    "feature": "dark_mode",
                    "locked": True,
                    "details": EXAMPLE_DETAILS,
                },
            )
        },
        f"{PREFIX}/plans": {
            "post": operation(
                "carryOutPlan",
                OVERRIDES,
                "Plan changes of many owners, and apply them",
                description="With `dry_run` the answer says what the rows would change, and `seen` "
                "names that plan. Sent again with it, exactly that is done, all of it or nothing; "
                "412 when anything has moved on. The run tells what became of it.",
                parameters=[parameter("IdempotencyKey")],
                body=ref("NewPlan"),
                body_example={
                    "rows": [
                        {"level": "user", "owner": "bob", "feature": "dark_mode", "value": True}
                    ],
                    "dry_run": True,
                },
                answer=ref("Plan"),
                example=PLAN_EXAMPLE,
                tagged=True,
                fails=(412,),
            )
        },
    }


def _events() -> dict[str, Schema]:
    event_id = [in_path("id", "The event's number.", NUMBER)]
    run_id = [in_path("id", "The run's id.", UUID)]
    undo: dict[str, Any] = {
        "body": ref("Undo"),
        "body_example": {"dry_run": True},
        "answer": ref("Plan"),
        "example": PLAN_EXAMPLE,
        "tagged": True,
        "fails": (412,),
        "description": "Restores what was there before. What was changed again since is left alone "
        "and stands among the errors.",
    }
    words = {
        "feature": "Only those of this feature.",
        "type": "Only those of this type, such as features.set.",
        "actor": "Only those by the user or client of this id.",
    }
    return {
        f"{PREFIX}/events": {
            "get": operation(
                "listEvents",
                HISTORY,
                "List events, the newest first",
                parameters=[
                    query("owner", "Only those of this owner's features.", REFERENCE),
                    *(query(name, text, FILTER) for name, text in words.items()),
                    query("run", "Only those of this run.", UUID),
                    query("since", "Only those at this time or later.", TIME),
                    query("until", "Only those before this time.", TIME),
                    *paging(EventViewSet),
                    parameter("IfNoneMatch"),
                ],
                answer=ref("EventPage"),
                example={"results": [EVENT_EXAMPLE], "next": None},
                tagged=True,
            )
        },
        f"{PREFIX}/events/{{id}}": {
            "get": operation(
                "getEvent",
                HISTORY,
                "Read an event",
                parameters=[*event_id, parameter("IfNoneMatch")],
                answer=ref("Event"),
                example=EVENT_EXAMPLE,
                tagged=True,
            )
        },
        f"{PREFIX}/events/{{id}}/undo": {
            "post": operation(
                "undoEvent",
                HISTORY,
                "Take a change back",
                parameters=[*event_id, parameter("IdempotencyKey")],
                **undo,
            )
        },
        f"{PREFIX}/runs/{{id}}": {
            "get": operation(
                "getRun",
                HISTORY,
                "Read how far a bulk change has come",
                parameters=[*run_id, parameter("IfNoneMatch")],
                answer=ref("Run"),
                example=RUN_EXAMPLE,
                tagged=True,
            )
        },
        f"{PREFIX}/runs/{{id}}/undo": {
            "post": operation(
                "undoRun",
                HISTORY,
                "Take all changes of a run back",
                parameters=[*run_id, parameter("IdempotencyKey")],
                **undo,
            )
        },
    }


def _closed(properties: dict[str, Schema]) -> Schema:
    return {
        "type": "object",
        "required": list(properties),
        "properties": properties,
        "additionalProperties": False,
    }


def _body(properties: dict[str, Schema], *required: str) -> Schema:
    schema: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return schema | ({"required": list(required)} if required else {})
