"""Appending to the history, and reading where a stream stands."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from events.models import Event, Stream, Surface
from tenancy.levels import Level
from tenancy.models import Instance, Owner
from tenancy.prepared import PreparedQuery

ACTOR_NAME_LENGTH = 200
STREAMS_AT_ONCE = 500  # six parameters each


class Conflict(Exception):
    """A concurrent change won; nothing was written. Trying again may succeed."""


class PreconditionFailed(Conflict):
    """The owner has moved on from the sequence that the caller named; nothing was written."""


class StreamMoved(Exception):
    """The stream stands elsewhere than expected. Raised inside a transaction, which must end."""


@dataclass(frozen=True)
class Author:
    """Who is named in the history: a type (user, client, operator), an id and a name."""

    type: str
    id: str
    name: str


@dataclass(frozen=True, kw_only=True)
class Origin:
    """The circumstances of a change: where it came in and why.

    ``run`` binds the events of one bulk action; ``on_behalf_of`` is the impersonator, where the
    actor is somebody impersonated.
    """

    surface: Surface
    reason: str = ""
    run: UUID | None = None
    request_id: str = ""
    address: str = ""
    on_behalf_of: Author | None = None


@dataclass(frozen=True, order=True)
class StreamKey:
    """The texts by which a stream is found, and where the events in it belong.

    The keys are those of Event; they are no part of the stream's own identity.
    """

    kind: str
    instance: str
    owner: str
    instance_key: int = field(default=0, compare=False)
    organization_key: int | None = field(default=None, compare=False)

    @classmethod
    def of(cls, owner: Owner, about: str = "") -> "StreamKey":
        """The key of an owner's features, or of what else is recorded about the same owner.

        The level is part of it: owners of two levels may have the same id.
        """
        instance = owner.instance_or_none
        kind = f"{owner.level.label}.{about}" if about else owner.level.label
        keys = owner.lineage_keys()
        return cls(
            kind,
            instance.public_id if instance else "",
            owner.public_id,
            keys.get(Level.INSTANCE, 0),
            keys.get(Level.ORGANIZATION),
        )

    @classmethod
    def within(cls, instance: Instance, kind: str, public_id: str) -> "StreamKey":
        """The key of what is no owner and belongs to an instance."""
        return cls(kind, instance.public_id, public_id, instance.pk)


@dataclass(frozen=True)
class Entry:
    """One change to be recorded; None for ``before`` or ``after`` means that nothing was set.

    What is not ``for_organization`` concerns an owner in one, and not the organization's people.
    """

    type: str
    subject: str = ""
    before: Any = None
    after: Any = None
    locked_before: bool = False
    locked_after: bool = False
    for_organization: bool = True


@dataclass(frozen=True)
class Position:
    """Where a stream stands: its sequence, and the times of its last and its first event."""

    sequence: int = 0
    changed_at: datetime | None = None
    created_at: datetime | None = None


def append(
    key: StreamKey,
    entries: Sequence[Entry],
    *,
    actor: Author,
    origin: Origin,
    expected: int | None = None,
) -> Position:
    """Record the entries in order, within the caller's transaction; return the new position.

    The stream stays locked until that transaction ends, so writers of one owner queue and no
    sequence has a gap. With ``expected``, the stream must still stand there: else StreamMoved.
    """
    now = timezone.now()
    stream_id, position = _advance(key, len(entries), now)
    first = position.sequence - len(entries) + 1
    if expected is not None and first != expected + 1:
        raise StreamMoved(f"{key} stands at {first - 1}, not at {expected}")
    Event.objects.bulk_create(_events(key, stream_id, first, entries, actor, origin, now))
    return position


def append_many(
    histories: Iterable[tuple[StreamKey, Sequence[Entry]]], *, actor: Author, origin: Origin
) -> None:
    """Record entries in many streams, within the caller's transaction: statements by the batch.

    The streams are locked in one order, so that two writers never wait for each other. None may
    stand there twice.
    """
    now = timezone.now()
    pending = sorted(
        ((key, entries) for key, entries in histories if entries), key=lambda pair: pair[0]
    )
    for start in range(0, len(pending), STREAMS_AT_ONCE):
        batch = pending[start : start + STREAMS_AT_ONCE]
        stood = _advance_many([(key, len(entries)) for key, entries in batch], now)
        Event.objects.bulk_create(
            event
            for key, entries in batch
            for stream_id, sequence in [stood[key]]
            for event in _events(
                key, stream_id, sequence - len(entries) + 1, entries, actor, origin, now
            )
        )


def _events(
    key: StreamKey,
    stream_id: int,
    first: int,
    entries: Sequence[Entry],
    actor: Author,
    origin: Origin,
    now: datetime,
) -> Iterator[Event]:
    behalf = origin.on_behalf_of
    for sequence, entry in enumerate(entries, start=first):
        yield Event(
            stream_id=stream_id,
            sequence=sequence,
            instance_key=key.instance_key,
            organization_key=key.organization_key if entry.for_organization else None,
            type=entry.type,
            subject=entry.subject,
            before=entry.before,
            after=entry.after,
            locked_before=entry.locked_before,
            locked_after=entry.locked_after,
            actor_type=actor.type,
            actor_id=actor.id,
            actor_name=actor.name[:ACTOR_NAME_LENGTH],
            behalf_type=behalf.type if behalf else "",
            behalf_id=behalf.id if behalf else "",
            behalf_name=behalf.name[:ACTOR_NAME_LENGTH] if behalf else "",
            surface=origin.surface,
            reason=origin.reason,
            run=origin.run,
            request_id=origin.request_id,
            address=origin.address,
            created_at=now,
        )


def lock_stream(key: StreamKey) -> Position:
    """Lock the stream until the caller's transaction ends, making it if need be."""
    return _advance(key, 0, None)[1]


def read_position(key: StreamKey) -> Position:
    """Return where a stream stands; one that does not exist yet stands at 0."""
    for stream in streams_by_key(key.kind, key.instance, key.owner):
        return Position(stream.sequence, stream.changed_at, stream.created_at)
    return Position()


streams_by_key = PreparedQuery(
    lambda kind, instance, owner: Stream.objects.filter(kind=kind, instance=instance, owner=owner),
    *("kind", "instance", "owner"),
)


def as_datetime(raw: datetime | str | None) -> datetime | None:
    """Return a time read by a plain cursor; SQLite gives its text in UTC, or one without a zone."""
    moment = parse_datetime(raw) if isinstance(raw, str) else raw
    return moment.replace(tzinfo=UTC) if moment and moment.tzinfo is None else moment


def _advance_many(
    counts: Sequence[tuple[StreamKey, int]], now: datetime
) -> dict[StreamKey, tuple[int, int]]:
    """Move streams on, each by its count; return the primary key and the sequence of each."""
    moment = _adapt(now)
    rows = ", ".join(["(%s, %s, %s, %s, %s, %s)"] * len(counts))
    parameters: list[Any] = []
    for key, count in counts:
        parameters += [key.kind, key.instance, key.owner, count, moment, moment]
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO events_stream (kind, instance, owner, sequence, created_at, changed_at)
            VALUES {rows}
            ON CONFLICT (kind, instance, owner) DO UPDATE SET
                sequence = events_stream.sequence + excluded.sequence,
                created_at = COALESCE(events_stream.created_at, excluded.created_at),
                changed_at = excluded.changed_at
            RETURNING kind, instance, owner, id, sequence
            """,  # noqa: S608  # the rows are marks alone
            parameters,
        )
        return {StreamKey(*row[:3]): (row[3], row[4]) for row in cursor.fetchall()}


def _advance(key: StreamKey, count: int, now: datetime | None) -> tuple[int, Position]:
    """Make or lock the stream and move it on by ``count``, in one statement on both databases."""
    if not transaction.get_connection().in_atomic_block:
        raise transaction.TransactionManagementError("a stream is only locked in a transaction")
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO events_stream (kind, instance, owner, sequence, created_at, changed_at)
            VALUES (%s, %s, %s, %s, %s, %s)
            ON CONFLICT (kind, instance, owner) DO UPDATE SET
                sequence = events_stream.sequence + excluded.sequence,
                created_at = COALESCE(events_stream.created_at, excluded.created_at),
                changed_at = COALESCE(excluded.changed_at, events_stream.changed_at)
            RETURNING id, sequence, created_at, changed_at
            """,
            [key.kind, key.instance, key.owner, count, *[_adapt(now)] * 2],
        )
        stream_id, sequence, created_at, changed_at = cursor.fetchone()
    return stream_id, Position(sequence, as_datetime(changed_at), as_datetime(created_at))


def _adapt(moment: datetime | None) -> Any:
    """Give a time the form in which Django stores it, for a plain cursor."""
    return connection.ops.adapt_datetimefield_value(moment) if moment else None
