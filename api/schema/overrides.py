"""Overrides and locks in the management API."""

from api.pagination import DEFAULT_LIMIT, MAX_LIMIT
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

OVERRIDE_EXAMPLE = {
    "level": "user",
    "owner": "user:main/bob",
    "feature": "dark_mode",
    "value": True,
    "locked": False,
    "changed": EXAMPLE_TIME,
}


def components() -> dict[str, Schema]:
    """Return the schemas."""
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
                "from the widest level to the nearest; within a level feature by feature, "
                "the oldest first.",
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
    }
