"""Rows into the workspace: what each wants, checked once, and whom it means, found by joins."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count, repeat
from typing import Any

from access.reports import Fault
from features.bulk.owners import OwnerFinder
from features.bulk.reach import Reach
from features.bulk.wanted import Action, Block, Interpret, OwnerKey, Row, Wanted
from features.bulk.workspace import (
    as_json_text,
    canonical_json,
    copy_lines,
    is_postgresql,
    load,
    load_faults,
)
from features.definitions import Definition, Definitions, UnknownFeature
from features.kinds import InvalidValue
from features.planning import misplaced_message
from features.raw import is_storable_text
from tenancy.levels import OWNED_LEVELS, Level
from tenancy.spelling import did_you_mean
from tenancy.translation import translate

CHUNK = 10_000  # rows between two statements
REMEMBERED = 50_000  # different choices kept in memory; forgotten ones are only stored again

NULL = r"\N"  # as COPY writes it
EXACT = ""  # what is written for an owner that can't be meant otherwise

Refusal = tuple[str, str]  # a code and a message


@dataclass
class Staging:
    """Takes rows in, and knows what they were about."""

    definitions: Definitions
    interpret: Interpret
    finder: OwnerFinder = field(default_factory=OwnerFinder)
    reach: Reach | None = None  # None: to every owner
    rows: int = 0
    levels: set[Level] = field(default_factory=set)
    features: dict[Level, set[int]] = field(default_factory=dict)
    has_retired: bool = False
    has_conditions: bool = False  # some rows hold only for certain present states

    def __post_init__(self) -> None:
        self._known: dict[tuple[str, str, str, str], int | list[Refusal]] = {}
        self._choices: list[tuple[Any, ...]] = []
        self._lines: list[str] = []  # of bulk_input, as COPY takes them
        self._last_choice = 0

    def take(self, items: Iterable[Row | Block | Fault]) -> Iterator[int]:
        """Store the rows, and yield now and then how many there are so far."""
        single: list[Row | Fault] = []
        for item in items:
            if isinstance(item, Block):
                self._take_block(item)
                self.rows += len(item.owners)
                yield self.rows
                continue
            single.append(item)
            if len(single) == CHUNK:
                self._take_singly(single)
                self._flush()
                self.rows += CHUNK
                single.clear()
                yield self.rows
        self._take_singly(single)
        self.rows += len(single)
        self._flush()
        yield self.rows

    def _take_block(self, block: Block) -> None:
        """Store a block column by column, if none of its rows needs a closer look."""
        keys = list(zip(block.levels, block.features, block.values, block.reasons, strict=True))
        choices = {key: self._known.get(key) or self._choose(key) for key in set(keys)}
        instance = self.finder.find_plain(block.levels, block.owners)
        if instance is None or any(isinstance(choice, list) for choice in choices.values()):
            self._take_singly(list(block.rows()))
            return
        numbers = map(choices.__getitem__, keys)
        if is_postgresql():
            end = f"\t{NULL}\n"
            self._lines += [
                f"{line}\t{choice}\t{instance}\t{owner}{end}"
                for line, choice, owner in zip(count(block.line), numbers, block.owners)
            ]
            if len(self._lines) >= CHUNK:
                self._flush()
        else:
            columns = (count(block.line), numbers, repeat(instance), block.owners, repeat(None))
            load("bulk_input", zip(*columns, strict=False))

    def _take_singly(self, rows: list[Row | Fault]) -> None:
        faults: list[Fault] = []
        inputs: list[tuple[Any, ...]] = []
        known, read_owner = self._known, self.finder.read
        for row in rows:
            if isinstance(row, Fault):
                faults.append(row)
                continue
            line, level, owner, feature, value, reason = row
            key = (level, feature, value, reason)
            choice = known.get(key)
            if choice is None:
                choice = self._choose(key)
            if isinstance(choice, list):
                faults += [Fault(code, message, line) for code, message in choice]
                choice = 0
            found = (*owner, EXACT) if isinstance(owner, OwnerKey) else read_owner(level, owner)
            if not isinstance(found, str):
                inputs.append((line, choice, *found))
            elif found:
                faults.append(Fault("unknown_owner", found, line))
        load("bulk_input", [row for row in inputs if row[1]] if faults else inputs)
        load_faults(faults)

    def _flush(self) -> None:
        """Store what has gathered."""
        load("bulk_choice", self._choices)
        self._choices.clear()
        copy_lines("bulk_input", "".join(self._lines))
        self._lines.clear()

    def _choose(self, key: tuple[str, str, str, str]) -> int | list[Refusal]:
        """Return the number of what such a row wants, or what is wrong with it."""
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        level_text, feature_text, value, reason = key
        refusals: list[Refusal] = []
        level = read_level(level_text, refusals)
        definition = _read_feature(self.definitions, feature_text, refusals)
        if level and definition and not definition.may_be_set_at(level):
            refusals.append(("misplaced", f"{feature_text} {misplaced_message(definition, level)}"))
        wanted = _read_value(definition, value, self.interpret, refusals) if definition else None
        if not is_storable_text(reason):
            refusals.append(("bad_reason", "the reason is not valid text"))
        if refusals or not (level and definition and wanted):
            self._known[key] = refusals
            return refusals
        self._last_choice += 1
        self._note(level, definition, wanted)
        self._choices.append(_choice_row(self._last_choice, level, definition, wanted, reason))
        self._known[key] = self._last_choice
        return self._last_choice

    def add_choice(self, level: Level, definition: Definition, wanted: Wanted) -> int:
        """Store what rows can want that were not read, and return its number."""
        self._last_choice += 1
        self._note(level, definition, wanted)
        load("bulk_choice", [_choice_row(self._last_choice, level, definition, wanted, "")])
        return self._last_choice

    def _note(self, level: Level, definition: Definition, wanted: Wanted) -> None:
        self.levels.add(level)
        self.features.setdefault(level, set()).add(definition.id)
        self.has_retired |= wanted.action is Action.NOTHING
        self.has_conditions |= wanted.action in {Action.LOCK, Action.UNLOCK}
        self.has_conditions |= wanted.expects is not None


def read_level(text: str, refusals: list[Refusal]) -> Level | None:
    """Return the level of that name; None for another text, with the reason among the refusals."""
    try:
        return Level.from_label(text.strip().lower())
    except KeyError:
        labels = [level.label for level in OWNED_LEVELS]
        hint = did_you_mean(text, labels) or f": write {', '.join(labels)}"
        refusals.append(("unknown_level", f'there is no level "{text}"{hint}'))
        return None


def _read_feature(
    definitions: Definitions, text: str, refusals: list[Refusal]
) -> Definition | None:
    try:
        return definitions.get(text.strip())
    except UnknownFeature as error:
        refusals.append(("unknown_feature", str(error)))
        return None


def _read_value(
    definition: Definition, text: str, interpret: Interpret, refusals: list[Refusal]
) -> Wanted | None:
    if definition.is_retired:
        return Wanted(Action.NOTHING)
    try:
        return interpret(definition, text)
    except InvalidValue as error:
        refusals += [
            ("invalid_value", f"{definition.key}{path}: {translate(reason)}")
            for path, reason in error.problems
        ]
        return None


def _choice_row(
    number: int, level: Level, definition: Definition, wanted: Wanted, reason: str
) -> tuple[Any, ...]:
    is_set = wanted.action is Action.SET
    text = as_json_text(wanted.value) if is_set else None
    expected = wanted.expects.override if wanted.expects else None
    return (
        number,
        level.value,
        definition.id,
        definition.key,
        wanted.action.value,
        text,
        canonical_json(text),
        wanted.locked,
        reason,
        wanted.expects is not None,
        json.dumps(expected.value, sort_keys=True) if expected else None,
        bool(expected and expected.locked),
        wanted.expects.sequence if wanted.expects else None,
    )
