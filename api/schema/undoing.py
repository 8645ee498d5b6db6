"""Taking events and runs back in the management API."""

from typing import Any

from api.schema.history import HISTORY, UUID
from api.schema.operations import Schema, in_path, operation, parameter, ref
from api.schema.resources import NUMBER, PREFIX
from api.schema.values import ANY, FLAG, TEXT, body, closed

SIGNATURE = "5e884898da28047151d0e56f8dc62927"
DRY_RUN = {
    "dry_run": FLAG | {"description": "Only say what it would do.", "default": False},
    "seen": TEXT | {"maxLength": 64, "description": "Apply only if the plan still is this one."},
    "reason": TEXT | {"maxLength": 1000, "pattern": "^[^\\u0000]*$"},
}
UNDO_EXAMPLE: dict[str, Any] = {
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
CLIENT_ID = "Qm3kU8sZr1tYw5vXc7bN2pLd9fGh4jKa"
EVENT_UNDONE: dict[str, Any] = {
    "event": 12,
    "stream": f"client/main/{CLIENT_ID}",
    "type": "clients.networks_set",
    "name": "networks",
    "before": ["192.0.2.0/24"],
    "after": ["0.0.0.0/0"],
}
EVENT_UNDO_EXAMPLE: dict[str, Any] = UNDO_EXAMPLE | {
    "summary": UNDO_EXAMPLE["summary"] | {"levels": {}},
    "changes": [EVENT_UNDONE],
}


def components() -> dict[str, Schema]:
    """Return the schemas."""
    change = {
        name: ANY if name in {"before", "after"} else FLAG if name.startswith("locked") else TEXT
        for name in UNDO_EXAMPLE["changes"][0]
    }
    counts = {name: {"type": "integer"} for name in ("changed", "unchanged", "errors", "owners")}
    levels = {"type": "object", "additionalProperties": {"type": "integer"}}
    words = {
        "event": "The number of the event that is taken back.",
        "stream": "Whose history it is in.",
        "type": "The event's type.",
        "name": "What would change, such as a setting, a field or a role.",
        "before": "What is there now.",
        "after": "What was there before the event.",
    }
    kinds: dict[str, Schema] = {"event": {"type": "integer"}, "before": ANY, "after": ANY}
    undone = {name: kinds.get(name, TEXT) | {"description": text} for name, text in words.items()}
    return {
        "Undo": body(DRY_RUN),
        "UndoneChange": closed(change) | {"description": "Of a feature's value, to be taken back."},
        "UndoneEvent": closed(undone)
        | {"description": "Of anything but a feature's value, to be taken back."},
        "PlanProblem": closed({"row": {"type": "integer"}, "code": TEXT, "message": TEXT})
        | {"description": "Of anything but a feature's value, `row` is the number of its event."},
        "UndoPlan": closed(
            {
                "dry_run": FLAG,
                "run": {"type": ["string", "null"], "description": "The run that it became."},
                "seen": TEXT | {"description": "Names this plan; send it back to apply it alone."},
                "summary": closed({**counts, "levels": levels}),
                "changes": {
                    "type": "array",
                    "items": {"oneOf": [ref("UndoneChange"), ref("UndoneEvent")]},
                },
                "errors": {"type": "array", "items": ref("PlanProblem")},
            }
        ),
    }


def paths() -> dict[str, Schema]:
    """Return the paths."""
    undo: dict[str, Any] = {
        "body": ref("Undo"),
        "body_example": {"dry_run": True},
        "answer": ref("UndoPlan"),
        "tagged": True,
        "fails": (412,),
        "description": "Restores what was there before: a feature's value, an API client, the "
        "security settings, a definition, a role or a tenant's field. It takes the permission to "
        "make that change by hand. What was changed again since is left alone and stands among "
        "the errors. 400 for what is final, such as a secret: `not_undoable` of an event says why.",
    }
    event_id = in_path("id", "The event's number.", NUMBER)
    run_id = in_path("id", "The run's id.", UUID)
    return {
        f"{PREFIX}/events/{{id}}/undo": {
            "post": operation(
                "undoEvent",
                HISTORY,
                "Take a change back",
                parameters=[event_id, parameter("IdempotencyKey")],
                example=EVENT_UNDO_EXAMPLE,
                **undo,
            )
        },
        f"{PREFIX}/runs/{{id}}/undo": {
            "post": operation(
                "undoRun",
                HISTORY,
                "Take all changes of a run back",
                parameters=[run_id, parameter("IdempotencyKey")],
                example=UNDO_EXAMPLE,
                **undo,
            )
        },
    }
