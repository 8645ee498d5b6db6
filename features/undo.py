"""Undo: a change that restores what an event, or all events of a run, replaced."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import transaction

from events.models import Event
from events.services import Author, Origin, Position
from features.definitions import Definition, definitions_at
from features.overrides import read_lineage
from features.planning import Change, OwnerPlan
from features.resolution import Override
from features.services import apply_plan
from tenancy.levels import Level
from tenancy.models import Instance, Owner, System, User
from tenancy.services import find_owner


@dataclass(frozen=True)
class UndoRow:
    """One feature of one owner: what an undo restores, and what is there now."""

    feature: str
    definition: Definition | None  # None: archived, so that nothing can be restored
    current: Override | None
    expected: Override | None
    restored: Override | None

    @property
    def has_moved(self) -> bool:
        """Whether somebody has changed the value since."""
        return self.current_pair != _pair(self.expected) and not self.is_done

    @property
    def is_done(self) -> bool:
        """Whether the value is restored already."""
        return self.current_pair == _pair(self.restored)

    @property
    def current_pair(self) -> tuple[object, bool]:
        """The value and lock of now."""
        return _pair(self.current)

    @property
    def current_value(self) -> object:
        return self.current.value if self.current else None

    @property
    def restored_value(self) -> object:
        return self.restored.value if self.restored else None


@dataclass(frozen=True)
class UndoPlan:
    """What an undo does to one owner. ``owner`` is None when it is gone."""

    reference: str
    owner: Owner | None
    position: Position
    rows: tuple[UndoRow, ...]

    @property
    def sequence(self) -> int:
        """Where the owner's history stood when the plan was made."""
        return self.position.sequence

    @property
    def changes(self) -> tuple[Change, ...]:
        """What is written: nothing for what is restored already."""
        return tuple(
            Change(row.definition, row.current, row.restored)
            for row in self.rows
            if row.definition and not row.is_done
        )


def plan_undo(events: Iterable[Event]) -> list[UndoPlan]:
    """Return what restoring the state before these events would do, by owner. Writes nothing."""
    by_stream: dict[int, list[Event]] = {}
    for event in sorted(events, key=lambda event: event.pk):
        by_stream.setdefault(event.stream_id, []).append(event)
    return [_plan_owner(of_owner) for of_owner in by_stream.values()]


def apply_undo(plans: Iterable[UndoPlan], *, actor: Author, origin: Origin) -> None:
    """Write all of it or nothing. StreamMoved when an owner has changed since the plan."""
    with transaction.atomic():
        for plan in sorted(plans, key=lambda plan: plan.reference):
            if plan.owner and plan.changes:
                apply_plan(
                    OwnerPlan(plan.owner, plan.position, plan.changes), actor=actor, origin=origin
                )


def _plan_owner(events: list[Event]) -> UndoPlan:
    stream = events[0].stream
    owner = _find(stream.kind, stream.instance, stream.owner)
    if owner is None:
        return UndoPlan(str(stream), None, Position(), ())
    state = read_lineage(owner)
    definitions = definitions_at(state.revision)
    rows = []
    for feature in dict.fromkeys(event.subject for event in events):
        changes = [event for event in events if event.subject == feature]
        definition = definitions.by_name.get(feature)
        current = state.of_feature(definition.id).get(owner.level) if definition else None
        first, last = changes[0], changes[-1]
        rows.append(
            UndoRow(
                feature,
                definition,
                current,
                _override(last.after, last.locked_after),
                _override(first.before, first.locked_before),
            )
        )
    return UndoPlan(str(stream), owner, state.position, tuple(rows))


def _find(kind: str, instance_id: str, owner_id: str) -> Owner | None:
    level = Level.from_label(kind)
    if level is Level.SYSTEM:
        return System()
    if not instance_id:
        return User.objects.filter(instance=None, public_id=owner_id).first()
    instance = Instance.objects.filter(public_id=instance_id).first()
    return find_owner(instance, level, owner_id) if instance else None


def _override(value: object, locked: bool) -> Override | None:
    return None if value is None else Override(value, locked)


def _pair(override: Override | None) -> tuple[object, bool]:
    return (override.value, override.locked) if override else (None, False)
