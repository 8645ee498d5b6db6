"""Events and runs in the management API."""

from api.schema.operations import Schema, in_path, operation, parameter, query, ref
from api.schema.resources import NUMBER, PREFIX, page_of, paging
from api.schema.values import (
    ANY,
    EXAMPLE_TIME,
    FLAG,
    MAYBE_TIME,
    REFERENCE,
    TEXT,
    TIME,
    closed,
)
from api.views.base import MAX_FILTER
from api.views.events import EventViewSet

HISTORY = "History"

UUID: Schema = {"type": "string", "format": "uuid"}
FILTER: Schema = {
    "type": "string",
    "minLength": 1,
    "maxLength": MAX_FILTER,
    "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]+$",
}
RUN_ID = "0b6e5c1e-7f0b-4f2c-9d3a-1f1f9c9d7a11"
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
    "not_undoable": None,
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


def components() -> dict[str, Schema]:
    """Return the schemas."""
    return {
        "Person": closed(dict.fromkeys(PERSON_EXAMPLE, TEXT)),
        "Event": closed(
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
                "not_undoable": {
                    "type": ["string", "null"],
                    "description": "Why nobody can take it back; null: it can be undone.",
                },
                "request_id": TEXT,
                "address": TEXT,
                "created": TIME,
            }
        ),
        "EventPage": page_of(ref("Event")),
        "Run": closed(
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
    }


def paths() -> dict[str, Schema]:
    """Return the paths."""
    event_id = [in_path("id", "The event's number.", NUMBER)]
    run_id = [in_path("id", "The run's id.", UUID)]
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
                    query("owner", "Only those of this owner.", REFERENCE),
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
    }
