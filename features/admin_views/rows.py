"""The rows of the feature grid: what an owner sets, what counts, and what they would inherit."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Max, Q

from access.actors import Actor
from access.policy import visible_events
from events.models import Event
from events.services import StreamKey
from features.definitions import Definition
from features.forms import INHERITED, Entry, state_of
from features.kinds import Boolean, Choice, ChoiceSet, Integer, Number, Object, String
from features.models import Stage
from features.overrides import LineageState, StoredOverride
from features.resolution import Effective, Override, locking_level, resolve
from tenancy.levels import Level
from tenancy.models import Owner


@dataclass
class Row:
    """A feature as the grid shows it."""

    definition: Definition
    effective: Effective
    source_owner: Owner | None
    own: StoredOverride | None
    inherited: Effective
    inherited_owner: Owner | None
    locked_above: Level | None
    is_settable: bool
    changed_at: datetime | None = None
    last: Event | None = None
    entry: Entry | None = None
    has_conflict: bool = False

    @property
    def state(self) -> str:
        """What the owner sets, as the hidden field holds it."""
        return state_of(self.own)

    @property
    def choice(self) -> str:
        """The choice that is marked: what was posted, else what is stored."""
        if self.entry:
            return self.entry.choice
        if self.own is None:
            return INHERITED
        if self.is_boolean:
            return "on" if self.own.value else "off"
        return "set"

    @property
    def own_value(self) -> Any:
        """What is set here; None inherits."""
        return value_of(self.own)

    @property
    def field(self) -> str:
        """What ends the names of the row's fields."""
        return str(self.definition.id)

    @property
    def is_boolean(self) -> bool:
        return isinstance(self.definition.kind, Boolean)

    @property
    def typed(self) -> str:
        """The text of the value's input: what was posted, else what is stored."""
        if self.entry:
            return self.entry.typed
        if self.own is None:
            return ""
        value = self.own.value
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

    @property
    def picked(self) -> list[str]:
        """The marked boxes of a set of choices."""
        if self.entry:
            return self.entry.picked
        return list(self.own.value) if self.own else []

    @property
    def control(self) -> str:
        """Which control edits the value."""
        match self.definition.kind:
            case Boolean():
                return "boolean"
            case Choice():
                return "choice"
            case ChoiceSet():
                return "choices"
            case Integer() | Number():
                return "number"
            case String(max_length=length) if length <= 200:
                return "line"
            case String() | Object():
                return "text"
        return "text"

    @property
    def placeholder(self) -> str:
        value = self.inherited.value
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def value_of(override: Override | None) -> Any:
    return override.value if override else None


def speaks_of(definition: Definition, text: str) -> bool:
    return not text or any(
        text in part.lower()
        for part in (
            *(definition.key, definition.name, definition.description),
            *(definition.shown_name, definition.shown_description),
        )
    )


def passes(row: Row, chosen: str) -> bool:
    match chosen:
        case "here":
            return row.own is not None
        case "inherited":
            return row.own is None
        case "locked":
            return row.effective.locked_by is not None
        case "differs":
            return row.own is not None and row.own.value != row.inherited.value
    return True


def make_row(definition: Definition, owner: Owner, state: LineageState) -> Row:
    overrides = state.of_feature(definition.id)
    above = {level: override for level, override in overrides.items() if level < owner.level}
    effective = resolve(definition.rules, overrides)
    inherited = resolve(definition.rules, above)
    by_level = {one.level: one for one in owner.lineage()}
    return Row(
        definition,
        effective,
        by_level.get(effective.source),
        overrides.get(owner.level),
        inherited,
        by_level.get(inherited.source),
        locking_level(definition.rules, overrides, owner.level),
        definition.may_be_set_at(owner.level) and not definition.is_retired,
        stored.changed_at if (stored := overrides.get(effective.source)) else None,
    )


def add_last_events(actor: Actor, owner: Owner, rows: Sequence[Row]) -> None:
    """Give each row the last change of what counts, with one query for all.

    Who changed something above is only told to those who see that history.
    """
    streams = Q(pk__in=[])
    for one in owner.lineage():
        key = StreamKey.of(one)
        streams |= Q(stream__kind=key.kind, stream__instance=key.instance, stream__owner=key.owner)
    wanted = {row.definition.key: row.effective.source.label for row in rows}
    newest = (
        Event.objects.filter(visible_events(actor, finds=False), streams, subject__in=list(wanted))
        .order_by()
        .values("stream", "subject")
        .annotate(last=Max("pk"))
        .values("last")
    )
    found = {
        (event.stream.kind, event.subject): event
        for event in Event.objects.filter(pk__in=newest).select_related("stream").order_by("pk")
    }
    for row in rows:
        row.last = found.get((wanted[row.definition.key], row.definition.key)) or found.get(
            (owner.level.label, row.definition.key)
        )


def by_stage(rows: Sequence[Row]) -> Iterator[tuple[Stage, list[Row]]]:
    for stage in Stage:
        if held := [row for row in rows if row.definition.stage is stage]:
            yield stage, held
