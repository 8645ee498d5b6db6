"""Taking back what was done: each type of event says how, or in a sentence why nobody can.

The apps say it for their types when they are ready (`register`). A feature's values are taken back
by a bulk plan (features.bulk.undo), as there may be a million of them; everything else here, event
by event, through the services that make such changes.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.db.models import Min, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from access.actors import Actor
from access.reports import Fault
from events.models import Event, Run
from events.runs import finish_run, new_run
from events.services import Author, Conflict, Origin, PreconditionFailed

LARGEST = 1000  # events that a page or a request takes back at once; the command takes any number


class Gone(Exception):
    """What an event changed is not there any more; the message says what became of it."""


@dataclass(frozen=True)
class State:
    """One thing that an event changed: as it is now, as the event left it, as it was before."""

    name: str
    now: Any
    left: Any
    before: Any

    @property
    def is_so_already(self) -> bool:
        """Whether it is as it was before the event."""
        return _text(self.now) == _text(self.before)  # 1 and true differ, as JSON has it

    @property
    def has_moved(self) -> bool:
        """Whether somebody has changed it again since, to something else."""
        return not self.is_so_already and _text(self.now) != _text(self.left)


def _no_word(_event: Event) -> str:
    return ""


@dataclass(frozen=True)
class Undoer:
    """How the events of a type are taken back. All its functions are given the event.

    ``find`` returns what was changed, as it is now, or raises Gone. ``permit`` raises
    MissingPermission unless the actor may make that change by hand. ``states`` says what would
    become of it. ``restore`` makes it so, by the service that any such change is made with.
    ``word`` is to be typed to confirm it; the empty one asks for nothing.
    """

    find: Callable[[Event], Any]
    permit: Callable[[Actor, Event, Any], None]
    states: Callable[[Event, Any], Iterable[State]]
    restore: Callable[..., None]  # event, what was found, ``actor`` and ``origin``
    word: Callable[[Event], str] = _no_word


@dataclass(frozen=True)
class Final:
    """That nobody can take back the events of a type, and why: a sentence, translated late."""

    why: Any


@dataclass(frozen=True)
class Planned:
    """That events of a type change a feature's value, which a bulk plan takes back."""


Way = Undoer | Final | Planned

UNKNOWN = Final(gettext_lazy("Nothing is known that would take this back."))

_ways: dict[str, Way] = {}


def register(ways: Mapping[str, Way]) -> None:
    """Say how events are taken back, by their type. ValueError for a type that is known already."""
    if known := _ways.keys() & ways.keys():
        raise ValueError(f"who takes these back is said already: {', '.join(sorted(known))}")
    _ways.update(ways)


def way_of(event_type: str) -> Way:
    """Return how events of that type are taken back."""
    return _ways.get(event_type, UNKNOWN)


def registered_types() -> frozenset[str]:
    """Return the types of events of which somebody has said how they are taken back."""
    return frozenset(_ways)


def is_final(event_type: str) -> bool:
    """Whether nobody can take back events of that type."""
    return isinstance(way_of(event_type), Final)


def is_planned(event_type: str) -> bool:
    """Whether events of that type are about a feature's value."""
    return isinstance(way_of(event_type), Planned)


def why_final(event: Event) -> str:
    """Return why nobody can take an event back; the empty text where one can."""
    way = way_of(event.type)
    return str(way.why) if isinstance(way, Final) else ""


@dataclass(frozen=True)
class Step:
    """An event that is to be taken back, and what that does."""

    event: Event
    undoer: Undoer
    states: tuple[State, ...]


@dataclass(frozen=True)
class UndoPlan:
    """What taking events back would do, the newest first; and what of it is not done, and why."""

    steps: tuple[Step, ...] = ()
    unchanged: int = 0
    faults: tuple[Fault, ...] = ()  # of each, the line is the number of its event
    stood: Mapping[int, int] = field(default_factory=dict)  # the sequences that it was made from

    @property
    def changes(self) -> list[tuple[Event, State]]:
        """Everything that would become another."""
        return [(step.event, s) for step in self.steps for s in step.states if not s.is_so_already]

    @property
    def events(self) -> list[Event]:
        """The events that would be taken back."""
        return [step.event for step in self.steps]

    @property
    def moved(self) -> list[Fault]:
        """What was changed again since, and is left as it is unless that is asked for."""
        return [fault for fault in self.faults if fault.code == "moved"]

    @property
    def word(self) -> str:
        """What must be typed to confirm the plan; empty: nothing."""
        return next((word for step in self.steps if (word := step.undoer.word(step.event))), "")

    @property
    def signature(self) -> str:
        """Return a text that names this very plan."""
        steps = [(event.pk, s.name, s.now, s.before) for event, s in self.changes]
        told = [(fault.line, fault.message) for fault in self.faults]
        return hashlib.sha256(_text([steps, told]).encode()).hexdigest()[:32]


def plan_undo(
    events: QuerySet[Event], *, permitted_to: Actor | None, overwrites: bool = False
) -> UndoPlan:
    """Return what taking the events back would do now. Writes nothing.

    What was changed again since is left alone, unless it ``overwrites``. MissingPermission where
    the actor may not make one of the changes by hand; None is the shell, which asks nobody.
    """
    steps: list[Step] = []
    faults: list[Fault] = []
    unchanged = 0
    stood: dict[int, int] = {}
    restored: dict[tuple[int, str], Any] = {}  # by what stands before in this plan
    for event in events.select_related("stream").order_by("-pk"):
        way = way_of(event.type)
        if not isinstance(way, Undoer):
            faults.append(
                Fault(
                    "final",
                    why_final(event) or _("It changed a feature: take that back by itself."),
                    event.pk,
                )
            )
            continue
        try:
            found = way.find(event)
        except Gone as error:
            faults.append(Fault("gone", str(error), event.pk))
            continue
        if permitted_to is not None:
            way.permit(permitted_to, event, found)
        states = tuple(
            replace(state, now=restored.get((event.stream_id, state.name), _stored(state.now)))
            for state in way.states(event, found)
        )
        if all(state.is_so_already for state in states):
            unchanged += 1
        elif not overwrites and any(state.has_moved for state in states):
            faults += [_moved(event, state) for state in states if state.has_moved]
        else:
            stood[event.stream_id] = event.stream.sequence
            restored |= {(event.stream_id, state.name): state.before for state in states}
            steps.append(Step(event, way, states))
    return UndoPlan(tuple(steps), unchanged, tuple(faults), stood)


def carry_out_undo(
    read: Callable[[], UndoPlan], *, what: str, actor: Author, origin: Origin, seen: str = ""
) -> tuple[UndoPlan, Run | None]:
    """Carry out the plan that ``read`` returns, all or nothing, as a run that undoes ``what``.

    None instead of a run where nothing changes. PreconditionFailed when ``seen`` names another plan
    than this, Conflict when somebody else changed the same meanwhile. What the services refuse they
    refuse here: ValidationError, Locked.
    """
    with transaction.atomic():
        plan = read()
        if seen and seen != plan.signature:
            raise PreconditionFailed(_("this has become another change by now: look at it again"))
        if not plan.steps:
            return plan, None
        run = new_run("undo", actor=actor, origin=origin, undoes=what)
        for step in plan.steps:
            try:
                # As it is by now: an earlier step may have changed it.
                found = step.undoer.find(step.event)
            except Gone as error:  # since the plan was made
                raise Conflict(str(error)) from error
            step.undoer.restore(step.event, found, actor=actor, origin=replace(origin, run=run.pk))
        _check_that_nobody_came_between(run.pk, plan.stood)
        run.changed, run.unchanged, run.errors = len(plan.steps), plan.unchanged, len(plan.faults)
        finish_run(run)
    return plan, run


def same_states(name: str, now: Any, event: Event) -> tuple[State, ...]:
    """Return the state of what an event recorded as one value."""
    return (State(name, now, event.after, event.before),)


def _check_that_nobody_came_between(run: UUID, stood: Mapping[int, int]) -> None:
    """Raise Conflict when a stream has an event between the plan and what was done for it.

    The services lock what they change, each in its own order; so it is looked at afterwards, when
    the streams are ours until the transaction ends.
    """
    written = Event.objects.filter(run=run, stream__in=stood).order_by()
    for stream, first in written.values_list("stream").annotate(Min("sequence")):
        if first != stood[stream] + 1:
            raise Conflict(_("somebody else changed the same meanwhile: look at it again"))


def _moved(event: Event, state: State) -> Fault:
    text = _("%(name)s of %(whose)s was changed again since")
    return Fault("moved", text % {"name": state.name, "whose": event.stream.owner}, event.pk)


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, cls=DjangoJSONEncoder)


def _stored(value: Any) -> Any:
    """Return a value as the history stores it, so that it can be compared with what it holds."""
    return json.loads(_text(value))
