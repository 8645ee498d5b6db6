"""Overrides, locks and plans of many changes in the management API."""

from typing import Any

from api.pagination import DEFAULT_LIMIT, MAX_LIMIT
from api.plans import LARGEST
from api.schema.operations import Schema, operation, parameter, query, ref
from api.schema.resources import PREFIX, page_of
from api.schema.values import (
    ANY,
    EXAMPLE_DETAILS,
    EXAMPLE_TIME,
    FEATURE,
    FLAG,
    REFERENCE,
    TEXT,
    TIME,
    body,
    closed,
)

OVERRIDES = "Overrides"

SIGNATURE = "5e884898da28047151d0e56f8dc62927"
DRY_RUN = {
    "dry_run": FLAG | {"description": "Only say what it would do.", "default": False},
    "seen": TEXT | {"maxLength": 64, "description": "Apply only if the plan still is this one."},
    "reason": TEXT | {"maxLength": 1000, "pattern": "^[^\\u0000]*$"},
}
OVERRIDE_EXAMPLE = {
    "level": "user",
    "owner": "user:main/bob",
    "feature": "dark_mode",
    "value": True,
    "locked": False,
    "changed": EXAMPLE_TIME,
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
        "Override": closed(
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
        "NewLock": body(
            {"owner": REFERENCE, "feature": FEATURE, "locked": FLAG}, "owner", "feature", "locked"
        ),
        "Lock": closed({"owner": TEXT, "feature": TEXT, "locked": FLAG, "details": ref("Details")}),
        "PlanRow": body(row, "level", "feature", "value"),
        "NewPlan": body({"rows": rows, **DRY_RUN}, "rows"),
        "PlannedChange": closed(change),
        "PlanFault": closed({"row": {"type": "integer"}, "code": TEXT, "message": TEXT}),
        "Plan": closed(
            {
                "dry_run": FLAG,
                "run": {"type": ["string", "null"], "description": "The run that it became."},
                "seen": TEXT | {"description": "Names this plan; send it back to apply it alone."},
                "summary": closed({**counts, "levels": levels}),
                "changes": {"type": "array", "items": ref("PlannedChange")},
                "errors": {"type": "array", "items": ref("PlanFault")},
            }
        ),
    }


def paths() -> dict[str, Schema]:
    """Return the paths."""
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
