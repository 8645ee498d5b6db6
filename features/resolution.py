"""Which value counts, and why. Pure: no Django, no database.

Nearest level that sets a feature wins; a locked override beats everything below it; a feature that
is disabled, or that nobody set, has its default.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from tenancy.levels import OWNED_LEVELS, Level


@dataclass(frozen=True, slots=True)
class Override:
    """A value that one level sets; locked, the levels below cannot change it."""

    value: Any
    locked: bool = False


@dataclass(frozen=True, slots=True)
class Rules:
    """What a definition says about resolving: its default, its levels, whether it is enabled."""

    default: Any
    levels: frozenset[Level] = frozenset(OWNED_LEVELS)
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class Effective:
    """The value that counts, the level it came from, and the level that locks it, if any."""

    value: Any
    source: Level
    locked_by: Level | None = None


def resolve(rules: Rules, overrides: Mapping[Level, Override]) -> Effective:
    """Return the effective value, given every override of a lineage by its level."""
    effective = Effective(rules.default, Level.DEFAULT)
    if not rules.enabled:
        return effective
    for level in OWNED_LEVELS:
        override = overrides.get(level)
        if override is None or level not in rules.levels:
            continue
        effective = Effective(override.value, level, level if override.locked else None)
        if override.locked:
            break
    return effective


def locking_level(rules: Rules, overrides: Mapping[Level, Override], below: Level) -> Level | None:
    """Return the level above ``below`` whose lock forbids setting a value there, if any.

    A lock holds while the feature is disabled, too: nothing is prepared behind its back.
    """
    above = {level: override for level, override in overrides.items() if level < below}
    return resolve(replace(rules, enabled=True), above).locked_by
