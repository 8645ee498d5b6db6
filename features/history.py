"""What happened, as JSON tells it: the management API and the commands alike."""

from typing import Any

from access.undoing import why_final
from events.models import Event, Run
from features.bulk.plan import write_reference
from features.serializers import render_time


def render_event(event: Event) -> dict[str, Any]:
    """Return an event as JSON tells it; null for what was not set."""
    stream = event.stream
    return {
        "id": event.pk,
        "stream": str(stream),
        "owner": write_reference(stream.level, stream.instance, stream.owner)
        if stream.level
        else None,
        "sequence": event.sequence,
        "type": event.type,
        "subject": event.subject,
        "before": event.before,
        "after": event.after,
        "locked_before": event.locked_before,
        "locked_after": event.locked_after,
        "actor": {"type": event.actor_type, "id": event.actor_id, "name": event.actor_name},
        "on_behalf_of": {
            "type": event.behalf_type,
            "id": event.behalf_id,
            "name": event.behalf_name,
        }
        if event.behalf_type
        else None,
        "surface": event.surface,
        "reason": event.reason,
        "run": str(event.run) if event.run else None,
        "not_undoable": why_final(event) or None,
        "request_id": event.request_id,
        "address": event.address,
        "created": render_time(event.created_at),
    }


def render_run(run: Run) -> dict[str, Any]:
    """Return a run as JSON tells it."""
    return {
        "id": str(run.pk),
        "kind": run.kind,
        "state": run.state,
        "actor": {"type": run.actor_type, "id": run.actor_id, "name": run.actor_name},
        "surface": run.surface,
        "reason": run.reason,
        "undoes": run.undoes or None,
        "changed": run.changed,
        "unchanged": run.unchanged,
        "errors": run.errors,
        "started": render_time(run.started_at),
        "finished": render_time(run.finished_at) if run.finished_at else None,
    }
