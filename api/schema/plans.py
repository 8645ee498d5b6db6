"""Bulk plans in the management API."""

from typing import Any

from api.pagination import DEFAULT_LIMIT, MAX_LIMIT
from api.schema.history import PERSON_EXAMPLE, RUN_ID, UUID
from api.schema.operations import Schema, headers, in_path, operation, parameter, query, ref
from api.schema.resources import PREFIX, page_of, paging
from api.schema.values import EXAMPLE_TIME, FEATURE, FLAG, TEXT, TIME, body, closed, enum
from api.uploads import MAX_JSON, MAX_UPLOAD, CsvParser, JsonLinesParser, JsonlParser
from api.views.plans import LARGEST, LARGEST_BATCH, PlanViewSet
from features.bulk.storedapply import AT_ONCE, BATCH
from features.models import PlanState

PLANS = "Plans"
MIB = 1024 * 1024
STATES = [state for state in PlanState.values if state != PlanState.PREPARING]
PLAN_ID = "5f0c8a52-3a0e-4d8e-9a51-0c7d8f5c2b11"
NUMBER: Schema = {"type": "integer", "minimum": 0}
ROW_EXAMPLE = {"level": "user", "owner": "bob", "feature": "dark_mode", "value": True}
LISTED_EXAMPLE: dict[str, Any] = {
    "id": PLAN_ID,
    "state": "ready",
    "summary": {"changed": 1, "unchanged": 0, "errors": 0, "owners": 1, "levels": {"user": 1}},
    "progress": {"done": 0, "total": 1, "left_out": 0},
    "run": None,
    "reason": "",
    "actor": PERSON_EXAMPLE,
    "created": EXAMPLE_TIME,
    "expires": EXAMPLE_TIME,
}
PLAN_EXAMPLE: dict[str, Any] = LISTED_EXAMPLE | {"problems": []}
APPLIED_EXAMPLE: dict[str, Any] = PLAN_EXAMPLE | {
    "state": "applied",
    "progress": {"done": 1, "total": 1, "left_out": 0},
    "run": RUN_ID,
    "reason": "roll-out",
}
CHANGE_EXAMPLE: dict[str, Any] = {
    "row": 0,
    "level": "user",
    "owner": "user:main/bob",
    "feature": "dark_mode",
    "before": None,
    "after": True,
    "locked_before": False,
    "locked_after": False,
    "reason": "",
}


def components() -> dict[str, Schema]:
    """Return the schemas."""
    listed: dict[str, Schema] = {
        "id": UUID,
        "state": ref("PlanState"),
        "summary": closed(
            dict.fromkeys(("changed", "unchanged", "errors", "owners"), NUMBER)
            | {"levels": {"type": "object", "additionalProperties": NUMBER}}
        ),
        "progress": closed(
            {
                "done": NUMBER | {"description": "Changes that are written, or left out."},
                "total": NUMBER,
                "left_out": NUMBER | {"description": "Changes that were overtaken on the way."},
            }
        ),
        "run": {
            "type": ["string", "null"],
            "format": "uuid",
            "description": "The run that it became, in the history.",
        },
        "reason": TEXT,
        "actor": ref("Person"),
        "created": TIME,
        "expires": TIME,
    }
    change = dict.fromkeys(CHANGE_EXAMPLE, TEXT) | {
        "row": NUMBER | {"description": "From 0; of a file, its line."},
        "level": ref("Level"),
        "before": {"description": "Null: it was inherited."},
        "after": {"description": "Null: it will be inherited."},
        "locked_before": FLAG,
        "locked_after": FLAG,
        "reason": TEXT | {"description": "Of this change alone."},
    }
    row: dict[str, Schema] = {
        "level": ref("Level"),
        "owner": TEXT
        | {"description": "The id, or a reference; absent for the system and the instance."},
        "feature": FEATURE,
        "value": {"description": "Of the feature's kind; null inherits."},
        "reason": TEXT | {"description": "Of this change alone."},
    }
    rows = {"type": "array", "minItems": 1, "maxItems": LARGEST, "items": ref("PlanRow")}
    return {
        "PlanState": enum(
            *STATES,
            "interrupted",
            "expired",
            description="`interrupted`: its server has stopped; apply it again to go on. `stale`: "
            "something had moved on, so nothing was written.",
        ),
        "PlanRow": body(row, "level", "owner", "feature", "value"),
        "NewPlan": body({"rows": rows}, "rows"),
        "PlanOrder": body(
            {
                "reason": TEXT | {"maxLength": 1000, "pattern": "^[^\\u0000]*$"},
                "batch_size": {
                    "type": "integer",
                    "minimum": 0,
                    "maximum": LARGEST_BATCH,
                    "description": "0: all or nothing, in one transaction. Left out: that for up "
                    f"to {AT_ONCE} changes, and {BATCH} for more.",
                },
            }
        ),
        "ListedPlan": closed(listed),
        "PlanPage": page_of(ref("ListedPlan")),
        "Plan": closed(listed | {"problems": {"type": "array", "items": ref("PlanProblem")}}),
        "PlannedChange": closed(change),
        "PlannedChangePage": page_of(ref("PlannedChange")),
    }


def paths() -> dict[str, Schema]:
    """Return the paths."""
    plan_id = [in_path("id", "The plan's id.", UUID)]
    shown: dict[str, Any] = {"answer": ref("Plan"), "example": PLAN_EXAMPLE, "tagged": True}
    limit = {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}
    member = f"{PREFIX}/plans/{{id}}"
    return {
        f"{PREFIX}/plans": {
            "get": operation(
                "listPlans",
                PLANS,
                "List the caller's own plans",
                parameters=[*paging(PlanViewSet), parameter("IfNoneMatch")],
                answer=ref("PlanPage"),
                example={"results": [LISTED_EXAMPLE], "next": None},
                tagged=True,
            ),
            "post": _create(shown),
        },
        member: {
            "get": operation(
                "getPlan",
                PLANS,
                "Read a plan, and how far it has come",
                parameters=[*plan_id, parameter("IfNoneMatch")],
                **shown,
            ),
            "delete": operation(
                "discardPlan",
                PLANS,
                "Discard a plan",
                description="What it has changed stays. 409 while it is being applied.",
                parameters=[*plan_id, parameter("IfMatch"), parameter("IdempotencyKey")],
                status=204,
            ),
        },
        f"{member}/changes": {
            "get": operation(
                "listPlannedChanges",
                PLANS,
                "Look at what a plan changes",
                parameters=[
                    *plan_id,
                    query("limit", "How many at most.", limit),
                    query("cursor", "`next` of the page before.", TEXT | {"format": "cursor"}),
                    parameter("IfNoneMatch"),
                ],
                answer=ref("PlannedChangePage"),
                example={"results": [CHANGE_EXAMPLE], "next": None},
                tagged=True,
            )
        },
        f"{member}/apply": {"post": _apply(plan_id)},
    }


def _create(shown: dict[str, Any]) -> Schema:
    table = "level,owner,feature,value\nuser,bob,dark_mode,on\n"
    lines = '{"level": "user", "owner": "bob", "feature": "dark_mode", "value": true}\n'
    made = operation(
        "createPlan",
        PLANS,
        "Plan changes of many owners",
        description="Nothing is changed yet. Every row that is wrong is named, and no plan is "
        "made; with `continue_on_error` these rows are left out. Owners that the caller may not "
        f"change are unknown. Up to {LARGEST} rows: {MAX_JSON // MIB} MiB of JSON, or "
        f"{MAX_UPLOAD // MIB} MiB of CSV or JSON Lines.",
        parameters=[
            query("continue_on_error", "Leave out what is wrong.", FLAG | {"default": False}),
            parameter("IdempotencyKey"),
        ],
        body=ref("NewPlan"),
        body_example={"rows": [ROW_EXAMPLE]},
        files={
            CsvParser.media_type: {"schema": {"type": "string"}, "example": table},
            JsonLinesParser.media_type: {"schema": {"type": "string"}, "example": lines},
            JsonlParser.media_type: {"schema": {"type": "string"}, "example": lines},
        },
        status=201,
        **shown,
    )
    made["responses"]["201"]["headers"] |= headers("Location")
    return made


def _apply(plan_id: list[Schema]) -> Schema:
    made = operation(
        "applyPlan",
        PLANS,
        "Apply a plan",
        description="Writes exactly what was shown, or nothing: 412 names what has moved on. A "
        "large plan goes on after the answer, 202; its address tells how far it has come. Once "
        "applied, or while it is being applied, the same is answered again; an interrupted one "
        "goes on.",
        parameters=[*plan_id, parameter("IfMatch"), parameter("IdempotencyKey")],
        body=ref("PlanOrder"),
        body_example={"reason": "roll-out"},
        answer=ref("Plan"),
        example=APPLIED_EXAMPLE,
        tagged=True,
    )
    going_on = APPLIED_EXAMPLE | {"state": "applying", "progress": PLAN_EXAMPLE["progress"]}
    made["responses"]["202"] = {
        **made["responses"]["200"],
        "description": "It is being applied.",
        "content": {"application/json": {"schema": ref("Plan"), "example": going_on}},
    }
    return made
