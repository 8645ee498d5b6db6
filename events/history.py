"""Reading the history: of an owner, a subject, a run, an instance, or all of it; newest first."""

from dataclasses import dataclass
from uuid import UUID

from django.db.models import QuerySet

from events.models import Event, Run
from events.services import StreamKey
from tenancy.identifiers import read_key

PAGE_SIZE = 50


class UnknownRun(LookupError):
    """No run has that id."""


@dataclass(frozen=True, kw_only=True)
class Query:
    """Which events are meant; what is None or empty does not narrow.

    ``instance`` is an instance's public id: everything of it and of those in it.
    """

    stream: StreamKey | None = None
    instance: str | None = None
    subject: str = ""
    run: UUID | None = None


@dataclass(frozen=True)
class Page:
    """Some events, and where the next page begins; None: there is none."""

    events: list[Event]
    next: int | None


def select_events(query: Query) -> QuerySet[Event]:
    """Return the events that are meant, newest first, each with its stream."""
    events = Event.objects.select_related("stream").order_by("-id")
    if query.stream:
        key = query.stream
        events = events.filter(
            stream__kind=key.kind, stream__instance=key.instance, stream__owner=key.owner
        )
    if query.instance is not None:
        events = events.filter(stream__instance=query.instance)
    if query.subject:
        events = events.filter(subject=query.subject)
    if query.run:
        events = events.filter(run=query.run)
    return events


def read_page(query: Query, *, before: int | None = None, size: int = PAGE_SIZE) -> Page:
    """Return the newest events, or the newest ones that are older than the event ``before``.

    By key, so that a page far back costs no more, and none is missed while others are written.
    """
    events = select_events(query)
    if before is not None:
        events = events.filter(id__lt=before)
    found = list(events[: size + 1])
    return Page(found[:size], found[size - 1].pk if len(found) > size else None)


def read_runs(size: int = PAGE_SIZE) -> list[Run]:
    """Return the newest bulk runs."""
    return list(Run.objects.order_by("-started_at", "-id")[:size])


def find_event(number: str) -> Event:
    """Return the event of that number. LookupError for none."""
    event = Event.objects.select_related("stream").filter(pk=read_key(number)).first()
    if event is None:
        raise LookupError(f'there is no event "{number}"')
    return event


def read_run_id(text: str) -> UUID:
    """Return the id of a run. UnknownRun for a text that is none."""
    try:
        return UUID(text)
    except ValueError:
        raise UnknownRun(f'"{text}" is no id of a run') from None


def find_run(text: str) -> Run:
    """Return the bulk run of that id. UnknownRun for none.

    A change of one owner has a run of its own, too, and no row: its events are all there is.
    """
    number = read_run_id(text)
    run = Run.objects.filter(pk=number).first()
    if run is None:
        raise UnknownRun(f"there is no bulk run {number}")
    return run
