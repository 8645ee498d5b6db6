"""Plans: what a change set would do, computed before anything is written."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from events.services import Entry, Position
from features.definitions import Definition, definitions_at
from features.overrides import read_lineage
from features.raw import is_same_json
from features.resolution import Override, locking_level
from tenancy.levels import OWNED_LEVELS, Level
from tenancy.models import Owner


class Inherit(Enum):
    """The choice of setting nothing here; what counts then comes from the levels above."""

    INHERIT = "inherit"


INHERIT: Final = Inherit.INHERIT

ChangeSet = Mapping[str, Any]
"""What to change: feature key → checked value or INHERIT. Absent features stay untouched."""


class Locked(Exception):
    """A feature that a level above has locked cannot be set below it."""

    def __init__(self, definition: Definition, level: Level) -> None:
        names = {"feature": definition.json_name, "level": _(level.label)}
        super().__init__(_("%(feature)s is locked at %(level)s level") % names)
        self.definition = definition
        self.level = level


class NoChanges(ValidationError):
    """A change set in which nothing could take effect."""

    def __init__(self) -> None:
        super().__init__(_("No changes"), code="COMMAND-Vigh1")


@dataclass(frozen=True)
class Details:
    """Where an owner's history stands, as every answer tells it."""

    position: Position
    resource_owner: str


@dataclass(frozen=True)
class Change:
    """One override before and after; None is none, so that the feature inherits."""

    definition: Definition
    before: Override | None
    after: Override | None

    def as_entry(self) -> Entry:
        """Return the change as the history records it."""
        return Entry(
            _event_type(self.before, self.after),
            self.definition.key,
            before=self.before.value if self.before else None,
            after=self.after.value if self.after else None,
            locked_before=bool(self.before and self.before.locked),
            locked_after=bool(self.after and self.after.locked),
        )


@dataclass(frozen=True)
class OwnerPlan:
    """What a change set would do to one owner, computed from where the owner stands."""

    owner: Owner
    position: Position
    changes: tuple[Change, ...]
    refused: tuple[Locked, ...] = ()

    @property
    def details(self) -> Details:
        """The details of the owner before the plan is applied."""
        return Details(self.position, self.owner.resource_owner)


def plan_changes(owner: Owner, changes: ChangeSet) -> OwnerPlan:
    """Return what a change set would do to an owner now, with one query. Writes nothing.

    Features that a level above has locked stand in the plan as refused. ValidationError for a
    feature that may not be set at this level; NoChanges when nothing could take effect.
    """
    state = read_lineage(owner)
    definitions = definitions_at(state.revision)
    wanted = {definitions.get(name): value for name, value in changes.items()}
    misplaced = {
        d.key: misplaced_message(d, owner.level) for d in wanted if not d.may_be_set_at(owner.level)
    }
    if misplaced:
        raise ValidationError(misplaced)
    if all(definition.is_retired for definition in wanted):
        raise NoChanges
    changes_made: list[Change] = []
    refused: list[Locked] = []
    for definition, value in wanted.items():
        overrides = state.of_feature(definition.id)
        before = overrides.get(owner.level)
        is_locked = before is not None and before.locked
        after = None if value is INHERIT else Override(value, is_locked)
        if definition.is_retired or _says_the_same(before, after):
            continue
        if after and (lock := locking_level(definition.rules, overrides, owner.level)):
            refused.append(Locked(definition, lock))
        else:
            changes_made.append(Change(definition, before, after))
    return OwnerPlan(owner, state.position, tuple(changes_made), tuple(refused))


def plan_reset(owner: Owner, features: Iterable[str] | None = None) -> OwnerPlan:
    """Return what removing all of an owner's overrides, or some, would do. Writes nothing."""
    state = read_lineage(owner)
    definitions = definitions_at(state.revision)
    named = definitions.ordered if features is None else [definitions.get(f) for f in features]
    changes = tuple(
        Change(definition, stored, None)
        for definition in named
        if (stored := state.of_feature(definition.id).get(owner.level))
    )
    return OwnerPlan(owner, state.position, changes)


def plan_lock(owner: Owner, feature: str, *, locked: bool) -> OwnerPlan:
    """Return what locking or unlocking an owner's override would do. Writes nothing.

    Below a lock nothing can be locked; what is locked there can be unlocked. ValidationError when
    the owner does not set the feature.
    """
    state = read_lineage(owner)
    definition = definitions_at(state.revision).get(feature)
    overrides = state.of_feature(definition.id)
    before = overrides.get(owner.level)
    if before is None:
        raise ValidationError({definition.key: _("is not set here: set a value, then lock it")})
    if before.locked == locked:
        return OwnerPlan(owner, state.position, ())
    if locked and (lock := locking_level(definition.rules, overrides, owner.level)):
        return OwnerPlan(owner, state.position, (), (Locked(definition, lock),))
    change = Change(definition, before, Override(before.value, locked))
    return OwnerPlan(owner, state.position, (change,))


def misplaced_message(definition: Definition, level: Level) -> str:
    """Say that a feature may not be set at a level, and where it may be."""
    allowed = [_(allowed.label) for allowed in OWNED_LEVELS if definition.may_be_set_at(allowed)]
    return _("may not be set at %(level)s level, only at: %(levels)s") % {
        "level": _(level.label),
        "levels": ", ".join(allowed) or _("none"),
    }


def _says_the_same(before: Override | None, after: Override | None) -> bool:
    """Whether two states are equal as JSON is: 1 and true differ, the order of keys does not."""
    if before is None or after is None:
        return before is after
    return before.locked == after.locked and is_same_json(before.value, after.value)


def _event_type(before: Override | None, after: Override | None) -> str:
    if after is None:
        return "features.reset"
    if before and before.locked != after.locked and before.value == after.value:
        return "features.lock" if after.locked else "features.unlock"
    return "features.set"
