"""The one door to feature settings: every surface reads and changes them through here."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.db import IntegrityError, transaction
from django.utils import timezone

from events.services import (
    Author,
    Conflict,
    Entry,
    Origin,
    Position,
    PreconditionFailed,
    StreamKey,
    StreamMoved,
    append,
    lock_stream,
)
from features.definitions import Definition, Definitions, definitions_at
from features.models import OVERRIDES
from features.overrides import LineageState, StoredOverride, read_lineage, write_overrides
from features.planning import (
    ChangeSet,
    Details,
    OwnerPlan,
    plan_changes,
    plan_lock,
    plan_reset,
)
from features.resolution import Effective, Override, resolve
from tenancy.levels import Level
from tenancy.models import Owner


class NothingSet(ObjectDoesNotExist):
    """An owner without overrides was asked for nothing but its own."""

    def __init__(self) -> None:
        super().__init__(
            "the resource has no feature settings and inheritance from the parent is disabled"
        )


@dataclass(frozen=True)
class FeatureValue:
    """A feature with the value that counts and where it came from."""

    definition: Definition
    effective: Effective


@dataclass(frozen=True)
class FeatureValues:
    """An owner's features, with the details of the owner's own history."""

    details: Details
    values: tuple[FeatureValue, ...]


@dataclass(frozen=True)
class ExplainedLevel:
    """What one level says about a feature. ``owner`` is None for the definition's default."""

    level: Level
    owner: Owner | None
    override: Override | None
    is_winner: bool
    changed_at: datetime | None = None

    @property
    def value(self) -> Any:
        """The value that the level gives, or None where it inherits."""
        return self.override.value if self.override else None


@dataclass(frozen=True)
class Explanation:
    """Why a feature has its value for an owner: every level, the default first."""

    definition: Definition
    owner: Owner
    effective: Effective
    levels: tuple[ExplainedLevel, ...]


@dataclass(frozen=True)
class IfMatch:
    """The sequences that a caller is ready to overwrite; ``any_event``: any, once there is one."""

    sequences: frozenset[int] = frozenset()
    any_event: bool = False

    def check(self, position: Position) -> None:
        """Raise PreconditionFailed when the owner stands elsewhere."""
        holds = position.sequence > 0 if self.any_event else position.sequence in self.sequences
        if not holds:
            raise PreconditionFailed(
                f"the sequence is {position.sequence}: read again, then repeat the change"
            )


def get_features(owner: Owner, *, inheritance: bool = True) -> FeatureValues:
    """Return an owner's features, with one query over all its levels.

    With inheritance every feature that can have a value there; without, only the owner's own
    overrides, and NothingSet if there are none.
    """
    state = read_lineage(owner)
    definitions = definitions_at(state.revision)
    details = Details(state.position, owner.resource_owner)
    if inheritance:
        values = tuple(
            FeatureValue(definition, resolve(definition.rules, state.of_feature(definition.id)))
            for definition in definitions.ordered
            if definition.matters_at(owner.level)
        )
    else:
        values = tuple(_own_values(owner.level, definitions, state))
        if not values:
            raise NothingSet
    return FeatureValues(details, values)


def overrides_of(owner: Owner) -> dict[Definition, StoredOverride]:
    """Return the overrides that an owner itself sets, in the definitions' order."""
    state = read_lineage(owner)
    return {
        definition: stored
        for definition in definitions_at(state.revision).ordered
        if (stored := state.of_feature(definition.id).get(owner.level))
    }


def explain(owner: Owner, feature: str) -> Explanation:
    """Return every level's value for a feature, the winner marked. UnknownFeature for no such."""
    state = read_lineage(owner)
    definition = definitions_at(state.revision).get(feature)
    overrides = state.of_feature(definition.id)
    effective = resolve(definition.rules, overrides)
    levels = [
        ExplainedLevel(
            Level.DEFAULT,
            None,
            Override(definition.rules.default),
            effective.source is Level.DEFAULT,
        )
    ]
    for above in reversed(owner.lineage()):
        stored = overrides.get(above.level)
        levels.append(
            ExplainedLevel(
                above.level,
                above,
                stored,
                effective.source is above.level,
                stored.changed_at if stored else None,
            )
        )
    return Explanation(definition, owner, effective, tuple(levels))


def set_features(
    owner: Owner,
    changes: ChangeSet,
    *,
    actor: Author,
    origin: Origin,
    if_match: IfMatch | None = None,
) -> Details:
    """Apply a change set to an owner, all of it or nothing, and return the new details.

    What already holds is left alone and recorded nowhere. Raises Locked for a feature locked above,
    PreconditionFailed when ``if_match`` does not hold, ValidationError for a feature that may not
    be set at this level and NoChanges for a change set in which nothing can take effect.
    """

    def plan() -> OwnerPlan:
        return plan_changes(owner, changes)

    return carry_out(owner, plan, actor=actor, origin=origin, if_match=if_match).details


def reset_features(
    owner: Owner,
    *,
    actor: Author,
    origin: Origin,
    features: Iterable[str] | None = None,
    if_match: IfMatch | None = None,
) -> Details:
    """Remove an owner's overrides, all of them or those of some features, so that it inherits."""

    def plan() -> OwnerPlan:
        return plan_reset(owner, features)

    return carry_out(owner, plan, actor=actor, origin=origin, if_match=if_match).details


def empty_owner(owner: Owner, *, actor: Author, origin: Origin) -> None:
    """Remove all overrides of an owner that is to be deleted, those of archived features too.

    So its history ends where it stood, and holds for an owner that comes back with the same id.
    """
    with transaction.atomic():
        lock_stream(StreamKey.of(owner))
        overrides: Any = OVERRIDES[owner.level]._default_manager
        rows = overrides.filter(owner_id=owner.pk).select_related("feature").order_by("feature_id")
        entries = [
            Entry("features.reset", row.feature.key, before=row.value, locked_before=row.locked)
            for row in rows
        ]
        if entries:
            append(StreamKey.of(owner), entries, actor=actor, origin=origin)
            overrides.filter(owner_id=owner.pk).delete()


def lock_feature(owner: Owner, feature: str, *, actor: Author, origin: Origin) -> Details:
    """Lock an owner's override, so that the levels below cannot change it."""

    def plan() -> OwnerPlan:
        return plan_lock(owner, feature, locked=True)

    return carry_out(owner, plan, actor=actor, origin=origin).details


def unlock_feature(owner: Owner, feature: str, *, actor: Author, origin: Origin) -> Details:
    """Let the levels below an owner's override set the feature again."""

    def plan() -> OwnerPlan:
        return plan_lock(owner, feature, locked=False)

    return carry_out(owner, plan, actor=actor, origin=origin).details


def carry_out(
    owner: Owner,
    plan: Callable[[], OwnerPlan],
    *,
    actor: Author,
    origin: Origin,
    if_match: IfMatch | None = None,
) -> OwnerPlan:
    """Make a plan and write it; return it, standing where the owner stands after it.

    It is planned without a lock; if somebody else wrote meanwhile, once more behind the lock.
    Nearly always the first attempt succeeds, with the fewest statements while the stream is locked;
    a writer that lost waits its turn and can't lose again. Raises Locked for a refused change.
    """
    try:
        return _attempt(plan, actor=actor, origin=origin, if_match=if_match)
    except StreamMoved:
        with transaction.atomic():
            lock_stream(StreamKey.of(owner))
            return _attempt(plan, actor=actor, origin=origin, if_match=if_match)


def _attempt(
    plan: Callable[[], OwnerPlan], *, actor: Author, origin: Origin, if_match: IfMatch | None
) -> OwnerPlan:
    planned = plan()
    if if_match:
        if_match.check(planned.position)
    if planned.refused:
        raise planned.refused[0]
    if not planned.changes:
        return planned
    return replace(planned, position=apply_plan(planned, actor=actor, origin=origin).position)


def apply_plan(plan: OwnerPlan, *, actor: Author, origin: Origin) -> Details:
    """Write a plan with its events. StreamMoved if the owner has changed since it was made.

    Conflict if the owner or a feature is gone meanwhile, which the database says at the end.
    """
    owner = plan.owner
    entries = [change.as_entry() for change in plan.changes]
    written = {c.definition.id: c.after for c in plan.changes if c.after}
    removed = [c.definition.id for c in plan.changes if not c.after]
    try:
        with transaction.atomic():
            position = append(
                StreamKey.of(owner),
                entries,
                actor=actor,
                origin=origin,
                expected=plan.position.sequence,
            )
            write_overrides(owner, written, removed, position.changed_at or timezone.now())
    except IntegrityError as error:
        raise Conflict(f"{owner.reference} or a feature has been removed meanwhile") from error
    return Details(position, owner.resource_owner)


def _own_values(
    level: Level, definitions: Definitions, state: LineageState
) -> Iterable[FeatureValue]:
    for definition in definitions.ordered:
        own = state.of_feature(definition.id).get(level)
        if own and definition.may_be_set_at(level):
            yield FeatureValue(
                definition, Effective(own.value, level, level if own.locked else None)
            )
