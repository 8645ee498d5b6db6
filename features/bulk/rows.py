"""Rows from outside: CSV, JSON Lines and YAML, read line by line, whatever their size.

A reader yields a Row for each line, or a Fault that says what is wrong with it; it never stops at
the first. Every cell is text. Bytes that are no UTF-8 arrive as lone surrogates, which nothing
that a cell could mean contains, so that they are told with their lines like any other mistake.
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, BinaryIO

from access.columns import header_problems
from access.reports import Fault
from access.tables import unguard_formula
from features.bulk.wanted import Action, Block, Interpret, Row, Wanted
from features.bulk.yamlrows import read_yaml
from features.definitions import Definition
from features.kinds import InvalidValue
from features.planning import INHERIT
from features.raw import describe_type, quote
from features.serializers import parse_text_value
from tenancy.spelling import did_you_mean

COLUMNS = ("level", "owner", "feature", "value", "reason")
REQUIRED = COLUMNS[:4]
FORMATS = ("csv", "jsonl", "yaml")
ENDINGS = {".csv": "csv", ".tsv": "csv", ".txt": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
ENDINGS |= {".yaml": "yaml", ".yml": "yaml"}
DELIMITERS = ",;\t"
LONGEST_CELL = 10_000_000
BLOCK = 300  # records looked at together; many more at once keep the garbage collector busy


class BadInput(ValueError):
    """An input that can't be read at all; the message says what to do."""


def interpret_cell(definition: Definition, text: str) -> Wanted:
    """Read a value as people write it in a table: on, off, inherit or JSON."""
    value = parse_text_value(definition, text)
    return Wanted(Action.INHERIT) if value is INHERIT else Wanted(Action.SET, value)


def interpret_json(definition: Definition, text: str) -> Wanted:
    """Read a value that was JSON or YAML: null, or ``inherit`` where it can't be a value."""
    raw = json.loads(text)
    if raw is None:
        return Wanted(Action.INHERIT)
    try:
        return Wanted(Action.SET, definition.kind.parse(raw))
    except InvalidValue:
        if raw == INHERIT.value:
            return Wanted(Action.INHERIT)
        raise


INTERPRETERS: dict[str, Interpret] = {
    "csv": interpret_cell,
    "jsonl": interpret_json,
    "yaml": interpret_json,
}


def read_rows(stream: BinaryIO, format_name: str) -> Iterator[Row | Block | Fault]:
    """Yield the rows of an input. BadInput for another encoding, an empty file or a bad header."""
    readers = {"csv": read_csv, "jsonl": read_jsonl, "yaml": read_yaml}
    with open_text(stream) as text:
        yield from readers[format_name](text)


def open_text(stream: BinaryIO) -> io.TextIOWrapper:
    """Open bytes as UTF-8, with or without a byte order mark. BadInput for UTF-16 and nothing."""
    buffered = stream if isinstance(stream, io.BufferedReader) else io.BufferedReader(stream)  # type: ignore[type-var]
    start = buffered.peek(128)[:128]
    if not start.strip(b"\xef\xbb\xbf \t\r\n"):
        raise BadInput("the input is empty")
    if start.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\x00" in start:
        raise BadInput("the input is UTF-16: save it as UTF-8")
    return io.TextIOWrapper(buffered, encoding="utf-8-sig", errors="surrogateescape", newline="")


def read_csv(text: Iterable[str]) -> Iterator[Row | Block | Fault]:
    """Yield the rows of a table whose header names its columns, in any order."""
    csv.field_size_limit(LONGEST_CELL)
    lines = iter(text)
    top = next(lines)
    delimiter = max(DELIMITERS, key=top.count)
    header = next(csv.reader([top], delimiter=delimiter))
    places = _read_header(header)
    width = len(header)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        first = reader.line_num + 2
        records: list[list[str]] = []
        broken: csv.Error | None = None
        try:
            records.extend(islice(reader, BLOCK))
        except csv.Error as error:
            broken = error
        is_plain = reader.line_num + 2 == first + len(records)
        if is_plain and records and (block := _as_block(first, records, places, width)):
            yield block
        else:
            yield from _read_records(first, records, places, header)
        if broken:
            # What a broken quotation swallowed is no longer known: the rest may be nonsense.
            line = first + sum(map(_count_lines, records))
            yield Fault("bad_csv", f"is no CSV ({broken}): the rest was not read", line)
        if len(records) < BLOCK:
            return


def _as_block(
    line: int, records: list[list[str]], places: tuple[int, ...], width: int
) -> Block | None:
    """Return records as a block; None where they have to be looked at one by one."""
    if set(map(len, records)) != {width}:
        return None
    columns = [*zip(*records, strict=True), ("",) * len(records)]
    block = Block(line, *(columns[place] for place in places))
    is_guarded = "'" in "".join(block.owners) or any("'" in value for value in set(block.values))
    return None if is_guarded else block


def _read_records(
    line: int, records: list[list[str]], places: tuple[int, ...], header: list[str]
) -> Iterator[Row | Fault]:
    """Yield records one by one, whatever they are."""
    for cells in records:
        if len(cells) == len(header):
            level, owner, feature, value, reason = (
                cells[place] if place < len(cells) else "" for place in places
            )
            owner, value = unguard_formula(owner), unguard_formula(value)
            yield Row(line, level, owner, feature, value, reason)
        elif any(cells):
            yield Fault("columns", _say_columns(len(cells), header), line)
        line += _count_lines(cells)


def _count_lines(cells: list[str]) -> int:
    """Return how many lines a record took: line breaks in quotes are part of their cells."""
    text = "".join(cells)
    return 1 + text.count("\n") + text.count("\r") - text.count("\r\n")


def read_jsonl(text: Iterable[str]) -> Iterator[Row | Fault]:
    """Yield the rows of JSON Lines: an object on each line."""
    for number, line in enumerate(text, start=1):
        if not line.strip():
            continue
        try:
            cells = json.loads(
                line, object_pairs_hook=_without_duplicates, parse_constant=_refuse_constant
            )
        except (ValueError, RecursionError) as error:
            reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
            yield Fault("bad_json", f"is no JSON: {reason}", number)
            continue
        yield _as_row(number, cells)


def read_objects(rows: Iterable[Any]) -> Iterator[Row | Fault]:
    """Yield the rows of objects that were JSON; what else would be their line counts from 0."""
    for number, cells in enumerate(rows):
        yield _as_row(number, cells)


def read_owners(
    stream: BinaryIO, level: str, feature: str, value: str, reason: str = ""
) -> Iterator[Row | Fault]:
    """Yield a row for each owner of a list: one on a line, or the column ``owner`` of a CSV."""
    with open_text(stream) as text:
        yield from _read_list(text, level, feature, value, reason)


def _read_list(
    text: Iterable[str], level: str, feature: str, value: str, reason: str
) -> Iterator[Row | Fault]:
    lines = iter(text)
    first = next(lines)
    delimiter = max(DELIMITERS, key=first.count)
    header = next(csv.reader([first], delimiter=delimiter))
    place = header.index("owner") if "owner" in header else 0
    if place == 0 and len(header) > 1 and "owner" not in header:
        raise BadInput('line 1: there is no column "owner"')
    records = lines if "owner" in header else _chain(first, lines)
    line = 1 if "owner" in header else 0
    for cells in csv.reader(records, delimiter=delimiter):
        line += 1
        if len(cells) == len(header):
            yield Row(line, level, unguard_formula(cells[place]), feature, value, reason)
        elif any(cells):
            yield Fault("columns", _say_columns(len(cells), header), line)


def _chain(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest


def _read_header(header: list[str]) -> tuple[int, ...]:
    """Return where each column stands, an absent reason behind the last one.

    BadInput names every mistake.
    """
    names = [name.strip().lower() for name in header]
    if problems := header_problems(names, COLUMNS, REQUIRED):
        raise BadInput(f"line 1: {'; '.join(problems)}")
    return tuple(names.index(name) if name in names else len(names) for name in COLUMNS)


def _say_columns(number: int, header: list[str]) -> str:
    return f"has {number} columns instead of {len(header)}: {', '.join(header)}"


def _as_row(line: int, cells: Any) -> Row | Fault:
    """Return the row of a JSON object."""
    if not isinstance(cells, dict):
        return Fault("bad_row", f"must be an object, not {describe_type(cells)}", line)
    if unknown := [name for name in cells if name not in COLUMNS]:
        hint = did_you_mean(unknown[0], COLUMNS)
        return Fault("bad_row", f"has no member {quote(unknown[0])}{hint}", line)
    owner_is_clear = cells.get("level") == "system"
    missing = [n for n in REQUIRED if n not in cells and not (n == "owner" and owner_is_clear)]
    if missing:
        return Fault("bad_row", f"lacks {', '.join(missing)}", line)
    texts = {name: cells.get(name) or "" for name in ("level", "owner", "feature", "reason")}
    for name, text in texts.items():
        if not isinstance(text, str):
            message = f"{name} must be a string, not {describe_type(text)}: write it in quotes"
            return Fault("bad_row", message, line)
    return Row(line, value=json.dumps(cells["value"]), **texts)


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a member stands twice in one object")
    return members


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
