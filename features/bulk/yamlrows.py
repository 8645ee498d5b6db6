"""Rows from YAML, one at a time: a list of mappings, without what YAML means but does not say.

The texts of a row are taken as they are written: the id 012 is not ten, and ``on`` not true. Only
the value is read as YAML reads it, because there it says what kind it is of.
"""

import json
from collections.abc import Iterator
from typing import IO, Any

import yaml
from yaml._yaml import CParser
from yaml.composer import Composer
from yaml.constructor import ConstructorError, SafeConstructor
from yaml.resolver import Resolver

from access.reports import Fault
from features.bulk.wanted import Row
from features.raw import quote
from tenancy.spelling import did_you_mean

TEXTS = ("level", "owner", "feature", "reason")
NULL, TIMESTAMP = "tag:yaml.org,2002:null", "tag:yaml.org,2002:timestamp"


class RowLoader(Composer, CParser, SafeConstructor, Resolver):
    """Composes one node at a time from a stream that libyaml parses."""

    def __init__(self, stream: IO[str]) -> None:
        CParser.__init__(self, stream)
        Composer.__init__(self)
        SafeConstructor.__init__(self)
        Resolver.__init__(self)

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Return the next node; aliases are refused, as a few of them can mean gigabytes."""
        if self.check_event(yaml.AliasEvent):
            event: Any = self.peek_event()
            raise ConstructorError(None, None, "aliases are not taken", event.start_mark)
        self.anchors.clear()
        return super().compose_node(parent, index)


def read_yaml(text: IO[str]) -> Iterator[Row | Fault]:
    """Yield the rows of a list of mappings. What is no YAML ends it, with the line."""
    line = 0
    try:
        loader = RowLoader(text)
        for _ in range(2):  # the stream's start and the document's
            loader.get_event()
        if not loader.check_event(yaml.SequenceStartEvent):
            yield Fault("bad_yaml", "must be a list of rows: - level: …", 1)
            return
        loader.get_event()
        while not loader.check_event(yaml.SequenceEndEvent):
            node = loader.compose_node(None, None)
            if node.start_mark.line < line:
                yield Fault("bad_yaml", "write each row on a line of its own", line)
                return
            line = node.start_mark.line + 1
            yield _read_row(loader, node, line)
        loader.get_event()
        loader.get_event()
        if not loader.check_event(yaml.StreamEndEvent):
            yield Fault("bad_yaml", "a second document begins: write one list", line + 1)
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        reason = getattr(error, "problem", None) or "nested too deeply"
        where = mark.line + 1 if mark else line + 1
        yield Fault("bad_yaml", f"is no YAML ({reason}): the rest was not read", where)


def _read_row(loader: RowLoader, node: Any, line: int) -> Row | Fault:
    if not isinstance(node, yaml.MappingNode):
        return Fault("bad_row", "must be a mapping: level: …, owner: …", line)
    members: dict[str, Any] = {}
    for key, value in node.value:
        name = key.value if isinstance(key, yaml.ScalarNode) else "a list or mapping"
        if name in members:
            return Fault("bad_row", f"{quote(name)} stands twice", line)
        if name not in (*TEXTS, "value"):
            hint = did_you_mean(name, (*TEXTS, "value"))
            return Fault("bad_row", f"has no member {quote(name)}{hint}", line)
        members[name] = value
    texts = {name: _as_text(members.get(name)) for name in TEXTS}
    for name, text in texts.items():
        if text is None:
            return Fault("bad_row", f"{name} must be a text", line)
    needed = ["level", "feature"] + ([] if texts["level"] == "system" else ["owner"])
    missing = [name for name in needed if not texts[name]]
    missing += [] if "value" in members else ["value"]
    if missing:
        return Fault("bad_row", f"lacks {', '.join(missing)}", line)
    if TIMESTAMP in _tags(members["value"]):
        return Fault("bad_row", "value is a date in YAML: write it in quotes", line)
    try:
        value = json.dumps(loader.construct_object(members["value"], deep=True), allow_nan=False)
    except (yaml.YAMLError, TypeError, ValueError):
        return Fault("bad_row", "value is nothing that JSON has", line)
    return Row(line, value=value, **{name: text or "" for name, text in texts.items()})


def _as_text(node: Any) -> str | None:
    """Return a scalar as it is written, "" for an absent one or null, None for anything else."""
    if node is None:
        return ""
    if not isinstance(node, yaml.ScalarNode):
        return None
    return "" if node.tag == NULL else str(node.value)


def _tags(node: Any) -> set[str]:
    """Return the tags of a node and of all below it."""
    below = node.value if isinstance(node.value, list) else []
    parts = [part for item in below for part in (item if isinstance(item, tuple) else (item,))]
    return {node.tag}.union(*map(_tags, parts))
