"""Reading a document: its definitions, then a row for every override, a few at a time."""

import json
from collections.abc import Iterator
from datetime import date
from typing import IO, Any

import yaml

from access.reports import Fault
from features.bulk.document import VERSION
from features.bulk.owners import OwnerFinder
from features.bulk.wanted import Action, Expected, OwnerKey, Row, Wanted
from features.bulk.yamlrows import RowLoader
from features.definitions import Definition
from features.kinds import InvalidValue
from features.resolution import Override
from tenancy.spelling import did_you_mean

TOP = ("definitions", "system", "operators", "instances")
IN_INSTANCE = {"features": "instance", "organizations": "organization", "users": "user"}


class BadDocument(ValueError):
    """A document that can't be read; the message says where and why."""


class DocumentReader:
    """Walks through a document once: `read_definitions` first, then `rows`."""

    def __init__(self, text: IO[str]) -> None:
        self.loader = RowLoader(text)
        self.finder = OwnerFinder()
        self.instances: list[int] = []  # that the document speaks of
        self.sections: set[str] = set()
        self._last_line = 0
        self._section = ""

    def read_definitions(self) -> dict[str, dict[str, Any]]:
        """Return the definitions, which stand before everything else. BadDocument."""
        try:
            return self._read_start()
        except (yaml.YAMLError, RecursionError) as error:
            raise BadDocument(say_yaml(error)) from error

    def rows(self) -> Iterator[Row | Fault]:
        """Yield the rows of the overrides. What is no YAML ends them."""
        try:
            while self._section:
                yield from self._read_section(self._section)
                self._section = self._next_key(TOP)
        except (yaml.YAMLError, RecursionError, BadDocument) as error:
            line = getattr(getattr(error, "problem_mark", None), "line", self._last_line) + 1
            text = str(error) if isinstance(error, BadDocument) else say_yaml(error)
            yield Fault("bad_document", text, line)

    def _read_start(self) -> dict[str, dict[str, Any]]:
        for _ in range(2):  # the stream's start and the document's
            self.loader.get_event()
        self._begin_mapping("the document")
        definitions: Any = {}
        self._section = self._next_key()
        if self._section != "strata" or self._value() != VERSION:
            raise BadDocument(f'is no document of Strata: it must begin with "strata: {VERSION}"')
        self._section = self._next_key(TOP)
        if self._section == "definitions":
            definitions = self._value() or {}
            self._section = self._next_key(TOP)
        if not isinstance(definitions, dict):
            raise BadDocument("definitions must be a mapping")
        for key, fields in definitions.items():
            if not isinstance(fields, dict):
                raise BadDocument(f"definitions: {key} must be a mapping")
            try:
                if isinstance(fields.get("expires_on"), str):
                    fields["expires_on"] = date.fromisoformat(fields["expires_on"])
            except ValueError as error:
                raise BadDocument(f"definitions: {key}: expires_on is no date") from error
        return dict(definitions)

    def _read_section(self, section: str) -> Iterator[Row | Fault]:
        if section in {*self.sections, "definitions"}:
            raise BadDocument(f'line {self._last_line}: "{section}" stands twice, or too late')
        self.sections.add(section)
        if section == "system":
            yield from self._features("system", OwnerKey(None, "SYSTEM"))
        elif section == "operators":
            yield from self._owners("user", None)
        else:
            self._begin_mapping(section)
            while public_id := self._next_key():
                yield from self._instance(public_id)

    def _instance(self, public_id: str) -> Iterator[Row | Fault]:
        found = self.finder.find_instance(public_id)
        if found is None:
            message = f'there is no instance "{public_id}": import the tenants first'
            yield Fault("unknown_owner", message, self._last_line)
            self.loader.compose_node(None, None)
            return
        self.instances.append(found)
        self._begin_mapping(public_id)
        while part := self._next_key(tuple(IN_INSTANCE)):
            if part == "features":
                yield from self._features("instance", OwnerKey(None, public_id))
            else:
                yield from self._owners(IN_INSTANCE[part], found)

    def _owners(self, level: str, instance: int | None) -> Iterator[Row | Fault]:
        self._begin_mapping(level)
        while public_id := self._next_key():
            yield from self._features(level, OwnerKey(instance, public_id))

    def _features(self, level: str, owner: OwnerKey) -> Iterator[Row | Fault]:
        self._begin_mapping(level)
        last = self._last_line
        while feature := self._next_key():
            line = self._last_line
            state = self._value()
            if line <= last:
                yield Fault("bad_document", "write each feature on a line of its own", line)
            elif not (isinstance(state, dict) and {"value"} <= state.keys() <= {"value", "locked"}):
                yield Fault("bad_document", f"{feature} must be {{value: …}}", line)
            elif not isinstance(state.get("locked", False), bool):
                yield Fault("bad_document", f"{feature}: locked must be true or false", line)
            else:
                try:
                    yield Row(line, level, owner, feature, json.dumps(state, allow_nan=False))
                except (TypeError, ValueError):
                    message = f"{feature}: value is nothing that JSON has"
                    yield Fault("bad_document", message, line)
            last = line

    def _begin_mapping(self, what: str) -> None:
        event: Any = self.loader.get_event()
        if not isinstance(event, yaml.MappingStartEvent):
            raise BadDocument(f"line {event.start_mark.line + 1}: {what} must be a mapping")

    def _next_key(self, allowed: tuple[str, ...] = ()) -> str:
        """Return the next key of the mapping as it is written, "" at its end."""
        event: Any = self.loader.get_event()
        if isinstance(event, yaml.MappingEndEvent):
            return ""
        line = event.start_mark.line + 1
        if not isinstance(event, yaml.ScalarEvent) or not event.value:
            raise BadDocument(f"line {line}: a key must be a text")
        self._last_line = line
        if allowed and event.value not in allowed:
            hint = did_you_mean(event.value, allowed)
            raise BadDocument(f'line {line}: "{event.value}" is not known here{hint}')
        return str(event.value)

    def _value(self) -> Any:
        node = self.loader.compose_node(None, None)
        return self.loader.construct_object(node, deep=True)


def interpret_document(definition: Definition, text: str) -> Wanted:
    """Read the state of an override; a null value inherits."""
    state = json.loads(text)
    if state["value"] is None:
        return Wanted(Action.INHERIT)
    value = definition.kind.parse(state["value"])
    return Wanted(Action.SET, value, bool(state.get("locked", False)))


def interpret_plan(definition: Definition, text: str) -> Wanted:
    """Read a change of a saved plan, with the state and the sequence that it was made from."""
    change = json.loads(text)
    before, after = (
        Override(*state) if (state := change[side]) is not None else None
        for side in ("before", "after")
    )
    expects = Expected(before, change["sequence"])
    if after is None:
        return Wanted(Action.INHERIT, expects=expects)
    if definition.kind.parse(after.value) != after.value:
        raise InvalidValue(("", "is not of the kind that it was planned for"))
    return Wanted(Action.SET, after.value, after.locked, expects)


def say_yaml(error: Exception) -> str:
    """Return what is wrong with a text that is no YAML."""
    mark = getattr(error, "problem_mark", None)
    where = f"line {mark.line + 1}: " if mark else ""
    return f"{where}is no YAML ({getattr(error, 'problem', None) or 'nested too deeply'})"
