"""The history: events that the caller sees, the runs of bulk changes, and taking both back."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import reduce
from operator import or_
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.http import Http404
from django.utils.dateparse import parse_datetime
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from access.policy import ABOVE_INSTANCES, events_seen_in, sees_event, sees_events_of, streams_of
from api.pagination import Ordering
from api.references import read_reference
from api.undoing import BulkMixin, undo
from api.views.base import ManagementViewSet, ResourceViewSet, check_filter, exact
from events.models import Event, Run
from features.history import render_event, render_run
from tenancy.levels import Level
from tenancy.prepared import PreparedQuery
from tenancy.services import find_owner

FEW = 500

NEWEST = {"-created": Ordering("pk", descending=True), "created": Ordering("pk")}
BY_TIME = {
    "-created": Ordering("created_at", descending=True),
    "created": Ordering("created_at"),
}


def by_run(rows: QuerySet[Any], text: str) -> QuerySet[Any]:
    """Narrow events to one run. ValidationError for what is no id of one."""
    try:
        return rows.filter(run=UUID(text))
    except ValueError:
        raise ValidationError({"run": "must be a UUID"}) from None


def since(rows: QuerySet[Any], text: str) -> QuerySet[Any]:
    """Narrow events to those at a time or after it."""
    return rows.filter(created_at__gte=_read_time("since", text))


def until(rows: QuerySet[Any], text: str) -> QuerySet[Any]:
    """Narrow events to those before a time."""
    return rows.filter(created_at__lt=_read_time("until", text))


class EventViewSet(BulkMixin, ResourceViewSet):
    """The events of this instance, and of the system for its operators."""

    orderings = NEWEST
    orderings_of = {"owner": NEWEST, "run": NEWEST, "since": BY_TIME, "until": BY_TIME}
    filters = {
        "owner": lambda rows, _text: rows,  # by `parts`
        "run": by_run,
        "feature": exact("subject"),
        "type": exact("type"),
        "actor": exact("actor_id"),
        "since": since,
        "until": until,
    }
    lookup_value_regex = "[0-9]{1,18}"

    def rows(self) -> QuerySet[Event]:
        """Return the events that the caller sees."""
        return seen_events(self).select_related("stream")

    def parts(self) -> Sequence[QuerySet[Event]]:
        """Return the parts of the list: of one owner its streams, else what each grant opens."""
        if "owner" in self.request.query_params:
            parts = [self.rows().filter(stream=stream) for stream in self._streams()]
        else:
            begin = self._begin()
            seen = events_seen_in(self.actor, self.instance, begin=begin)
            events = self._around_run() if Level.ORGANIZATION in begin else Event.objects.all()
            parts = [events.filter(each).select_related("stream") for each in seen]
        return parts or [Event.objects.none()]

    def _around_run(self) -> QuerySet[Event]:
        """Return the events among which those of the run lie that is asked for, if one is.

        An organization's are found without their run, and it may have been long ago.
        """
        if "run" not in self.request.query_params:
            return Event.objects.all()
        keys = by_run(Event.objects.all(), self.request.query_params["run"]).values_list("pk")
        return Event.objects.filter(
            pk__gte=keys.order_by("pk")[:1], pk__lte=keys.order_by("-pk")[:1]
        )

    def _begin(self) -> list[Level]:
        """Return by the key of which levels the events are found.

        For each filter there is an index of the instance's events. An organization's are found
        without the filter, unless so few of the instance pass it that this is the shorter way.
        """
        if all(grant.level is not Level.ORGANIZATION for grant in self.actor.grants):
            return [Level.INSTANCE]
        passing = Event.objects.filter(instance_key=self.instance.pk).order_by()
        for name in self.filters.keys() & self.request.query_params.keys():
            text = check_filter(name, self.request.query_params[name])
            passing = self.filters[name](passing, text)
        are_few = len(passing.values_list("pk", flat=True)[:FEW]) < FEW
        return [Level.INSTANCE] if are_few else [Level.INSTANCE, Level.ORGANIZATION]

    def render(self, row: Event) -> dict[str, Any]:
        """Return an event's JSON."""
        return render_event(row)

    def retrieve(self, request: Request, pk: str) -> Response:
        """Return one event."""
        for event in events_by_id(int(pk)):
            if is_seen(event, self):
                return self.answer(self.render(event))
        raise Http404("event not found")

    @action(detail=True, methods=["post"])
    def undo(self, request: Request, pk: str) -> Response:
        """Take one change back, or with ``dry_run`` say what that would do."""
        return undo(self, self.rows().filter(pk=pk), pk)

    def _streams(self) -> list[int]:
        """Return the keys of an owner's streams, unless the caller sees nothing of that owner.

        ValidationError for no reference.
        """
        text = check_filter("owner", self.request.query_params["owner"])
        level, public_id = read_reference(text)
        owner = find_owner(self.instance, level, public_id)
        if owner and not sees_events_of(self.actor, owner):
            return []
        instance = "" if level is Level.SYSTEM else self.instance.public_id
        public_id = owner.public_id if owner else public_id  # who is gone has left a history
        streams = streams_of(level, instance, public_id)
        return list(streams.values_list("pk", flat=True))


class RunViewSet(BulkMixin, ManagementViewSet):
    """The bulk changes, the newest first, and how far each has come: for who sees their events."""

    lookup_value_regex = "[^/]+"

    def retrieve(self, request: Request, pk: str) -> Response:
        """Return one run."""
        run = _read_uuid(pk)
        for found in runs_by_id(run):
            # The newest event nearly always tells; the others are asked for where it does not.
            newest = newest_of_run(run)
            if any(is_seen(event, self) for event in newest) or self._events(pk).exists():
                return self.answer(render_run(found))
        raise Http404("run not found")

    @action(detail=True, methods=["post"])
    def undo(self, request: Request, pk: str) -> Response:
        """Take all changes of a run back, or with ``dry_run`` say what that would do."""
        return undo(self, self._events(pk), pk)

    def _events(self, text: str) -> QuerySet[Event]:
        events = seen_events(self, begin=[Level.INSTANCE])
        return events.filter(run=_read_uuid(text)).order_by("-id")


def seen_events(view: ManagementViewSet, begin: Sequence[Level] = ()) -> QuerySet[Event]:
    """Return the events of the view's instance that the caller sees, to be narrowed further.

    ``begin`` are the levels by whose key they are found; by none, where something narrower is.
    """
    seen = events_seen_in(view.actor, view.instance, begin=begin)
    return Event.objects.filter(reduce(or_, seen, Q(pk__in=[])))


def is_seen(event: Event, view: ManagementViewSet) -> bool:
    """Whether an event is one that the caller of a view sees in the view's instance."""
    return event.instance_key in {ABOVE_INSTANCES, view.instance.pk} and sees_event(
        view.actor, event
    )


events_by_id = PreparedQuery(lambda key: Event.objects.filter(pk=key).select_related("stream"), -1)
runs_by_id = PreparedQuery(lambda key: Run.objects.filter(pk=key), UUID(int=1))
newest_of_run = PreparedQuery(
    lambda run: Event.objects.filter(run=run).select_related("stream").order_by("-id")[:1],
    UUID(int=1),
)


def _read_uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Http404("run not found") from None


def _read_time(name: str, text: str) -> datetime:
    try:
        if moment := parse_datetime(text):
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):  # such as the year 0 in UTC
        pass
    raise ValidationError({name: "must be a time such as 2026-06-13T06:44:36Z"})
