"""What a row asks for: the words of bulk plans, without a database."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
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
    """The state that an override is expected to have; None: not set."""

    override: Override | None


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
