"""What a row asks for: the words of bulk plans, without a database."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import count
from typing import Any, NamedTuple

from features.definitions import Definition
from features.resolution import Override


class Action(StrEnum):
    """What is to become of an override."""

    SET = "set"
    INHERIT = "inherit"
    LOCK = "lock"  # the value stays, whatever it is
    UNLOCK = "unlock"
    NOTHING = "nothing"  # a retired feature: accepted, and without effect


@dataclass(frozen=True)
class Wanted:
    """The state that an override shall have.

    ``locked`` None leaves a lock as it is. ``expects`` is the state that the override must have
    now, where that matters (undo): another one has moved on, and is left alone.
    """

    action: Action
    value: Any = None
    locked: bool | None = None
    expects: "Expected | None" = None


@dataclass(frozen=True)
class Expected:
    """The state that an override is expected to have; None: not set.

    With a sequence, its owner's history must stand there as well (a saved plan).
    """

    override: Override | None
    sequence: int | None = None


class OwnerKey(NamedTuple):
    """An owner as the database knows it: an instance's primary key, and an id within it.

    The instance is None for the system, for an instance itself and for an operator.
    """

    instance: int | None
    public_id: str


class Row(NamedTuple):
    """A line of input: what it wants at ``feature`` is written in ``value``, as yet unread."""

    line: int
    level: str
    owner: str | OwnerKey
    feature: str
    value: str
    reason: str = ""


class Block(NamedTuple):
    """Rows on consecutive lines, column by column: what nearly all of a large table is.

    Only a way to take many rows in fewer steps; none of its cells is guarded or has a line break.
    """

    line: int
    levels: tuple[str, ...]
    owners: tuple[str, ...]
    features: tuple[str, ...]
    values: tuple[str, ...]
    reasons: tuple[str, ...]

    def rows(self) -> Iterator[Row]:
        """Yield the rows one by one."""
        yield from map(Row, count(self.line), *self[1:])


Interpret = Callable[[Definition, str], Wanted]
"""Reads a row's value. InvalidValue when the feature's kind refuses it."""


@dataclass(frozen=True)
class PlannedChange:
    """One override before and after, and the owner as commands write it."""

    line: int
    level: str
    owner: str
    feature: str
    before: Override | None
    after: Override | None
    type: str
    sequence: int  # at which the owner stood

    @property
    def is_locked(self) -> bool:
        """Whether the override is locked afterwards."""
        return bool(self.after and self.after.locked)

    @property
    def moves_lock(self) -> bool:
        """Whether the change locks or unlocks."""
        return self.is_locked != bool(self.before and self.before.locked)
