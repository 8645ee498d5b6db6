"""Appending many owners' changes at once, by statements whose number does not grow with them.

What is to be recorded stands in a table of the caller, a row for each change:

- ``n``: its place in the order in which streams are locked and events written,
- ``kind``, ``instance``, ``owner``: the stream, as events.services.StreamKey has it,
- ``instance_key``, ``organization_key``: where the owner belongs; NULL above that,
- ``expected``: the sequence at which the stream stood when the change was planned,
- ``nth`` and ``total``: which of the stream's changes it is, and how many there are,
- ``type``, ``subject``, ``before``, ``after``, ``locked_before``, ``locked_after``,
- ``reason``: of the change alone; empty, it has that of the origin.
"""

from datetime import datetime
from typing import Any

from django.db import connection

from events.models import Event
from events.services import ACTOR_NAME_LENGTH, Author, Origin, StreamMoved


def lock_streams(streams: str) -> None:
    """Lock the streams that a query names, in one order, until the transaction ends.

    ``streams`` selects kind, instance and owner. Streams that are missing are made.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO events_stream (kind, instance, owner, sequence)
            SELECT DISTINCT kind, instance, owner, 0 FROM ({streams}) AS named WHERE true
            ORDER BY kind, instance, owner
            ON CONFLICT (kind, instance, owner) DO UPDATE SET sequence = events_stream.sequence
            """
        )


def append_all(changes: str, *, actor: Author, origin: Origin, now: datetime) -> int:
    """Record every row of the table ``changes``; return how many there are.

    The streams are locked in one order, so that two writers never wait for each other. StreamMoved
    if one of them no longer stands where it was expected: the caller's transaction must end.
    """
    moment = connection.ops.adapt_datetimefield_value(now)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO events_stream (kind, instance, owner, sequence, created_at, changed_at)
            SELECT kind, instance, owner, total, %s, %s FROM {changes} WHERE nth = 1
            ORDER BY n
            ON CONFLICT (kind, instance, owner) DO UPDATE SET
                sequence = events_stream.sequence + excluded.sequence,
                created_at = COALESCE(events_stream.created_at, excluded.created_at),
                changed_at = excluded.changed_at
            """,
            [moment, moment],
        )
        cursor.execute(f"SELECT count(*) FROM {changes}")
        expected = int(cursor.fetchone()[0])
        values = _circumstances(actor, origin) | {"created_at": moment}
        names = ", ".join(values)
        marks = ", ".join(["%s"] * len(values))
        cursor.execute(
            f"""
            INSERT INTO events_event (
                stream_id, sequence, instance_key, organization_key, type, subject, before, after,
                locked_before, locked_after, reason, {names}
            )
            SELECT s.id, c.expected + c.nth, coalesce(c.instance_key, 0), c.organization_key,
                c.type, c.subject, c.before, c.after, c.locked_before, c.locked_after,
                CASE c.reason WHEN '' THEN %s ELSE c.reason END, {marks}
            FROM {changes} AS c JOIN events_stream AS s
                ON s.kind = c.kind AND s.instance = c.instance AND s.owner = c.owner
                AND s.sequence = c.expected + c.total
            ORDER BY c.n
            """,
            [origin.reason, *values.values()],
        )
        if cursor.rowcount != expected:
            raise StreamMoved(f"{expected - cursor.rowcount} changes were planned on older states")
    return expected


def _circumstances(actor: Author, origin: Origin) -> dict[str, Any]:
    """Return the columns that are the same for every event."""
    behalf = origin.on_behalf_of
    run = Event._meta.get_field("run").get_db_prep_value(origin.run, connection)
    return {
        "actor_type": actor.type,
        "actor_id": actor.id,
        "actor_name": actor.name[:ACTOR_NAME_LENGTH],
        "behalf_type": behalf.type if behalf else "",
        "behalf_id": behalf.id if behalf else "",
        "behalf_name": behalf.name[:ACTOR_NAME_LENGTH] if behalf else "",
        "surface": origin.surface.value,
        "run": run,
        "request_id": origin.request_id,
        "address": origin.address,
    }
