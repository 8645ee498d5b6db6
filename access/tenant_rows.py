"""Reading tenants from a file: CSV or JSON Lines to rows, and all that is wrong with each line."""

import csv
import json
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, BinaryIO

from django.core.exceptions import ValidationError
from django.db import models

from access.columns import header_problems
from access.permissions import Role
from access.reports import Fault
from access.tables import unguard_formula
from tenancy.identifiers import validate_public_id
from tenancy.levels import OWNED_LEVELS, Level
from tenancy.models import Instance, Organization, User
from tenancy.services import normalise_domain
from tenancy.spelling import did_you_mean

COLUMNS = ("type", "id", "name", "parent", "domains", "username", "email", "roles")
TYPES = tuple(level.label for level in OWNED_LEVELS[1:])
MODELS: Mapping[Level, type[models.Model]] = {
    Level.INSTANCE: Instance,
    Level.ORGANIZATION: Organization,
    Level.USER: User,
}
# What a row of each type may say besides its type, id and name.
MEANINGFUL = {
    Level.INSTANCE: {"parent", "domains"},
    Level.ORGANIZATION: {"parent"},
    Level.USER: {"parent", "username", "email", "roles"},
}
MAX_CELL = 100_000


@dataclass(frozen=True, slots=True)
class Row:
    """A tenant as a file describes it, checked by itself. What is empty was not said."""

    line: int
    level: Level
    id: str
    name: str = ""
    parent: str = ""
    domains: tuple[str, ...] = ()
    username: str = ""
    email: str = ""
    roles: tuple[Role, ...] = ()

    def says_the_same(self, other: "Row") -> bool:
        """Whether two rows differ in nothing but their lines."""
        return all(
            getattr(self, name) == getattr(other, name)
            for name in Row.__dataclass_fields__
            if name != "line"
        )


class BadFile(Exception):
    """A file that cannot be read row by row; the fault says what it should be."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.fault = Fault("file", message, line)


def read_rows(file: BinaryIO, faults: list[Fault]) -> Iterator[Row]:
    """Yield the good rows of a file; what is wrong with the others is added to ``faults``."""
    try:
        for line, cells in _read_cells(file):
            found = list(_check_cells(line, cells))
            problems = [each for each in found if isinstance(each, Fault)]
            faults += problems
            if not problems:
                yield from (each for each in found if isinstance(each, Row))
    except BadFile as error:
        faults.append(error.fault)


def _read_cells(file: BinaryIO) -> Iterator[tuple[int, dict[str, Any] | Fault]]:
    start = file.readline()
    if start.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in start:
        raise BadFile("is not UTF-8 (UTF-16, it seems): save it as UTF-8", 1)
    # Bytes that are no UTF-8 become lone surrogates, so that the line of each can be told.
    first = start.decode("utf-8-sig", errors="surrogateescape")
    lines = chain([first], (line.decode(errors="surrogateescape") for line in file))
    if first.lstrip().startswith("["):
        raise BadFile("is JSON, but not JSON Lines: write one object on each line", 1)
    if first.lstrip().startswith("{"):
        return _read_json_lines(lines)
    return _read_csv(lines)


def _read_json_lines(lines: Iterable[str]) -> Iterator[tuple[int, dict[str, Any] | Fault]]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line, object_pairs_hook=_without_doubles)
        except (ValueError, RecursionError) as error:
            yield number, Fault("json", f"is no JSON: {error}", number)
            continue
        if isinstance(row, dict):
            yield number, row
        else:
            yield number, Fault("json", "is no JSON object", number)


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) != len(pairs):
        raise ValueError("a name stands there twice")
    return row


def _read_csv(lines: Iterable[str]) -> Iterator[tuple[int, dict[str, Any] | Fault]]:
    reader = csv.reader(lines, strict=True)
    header: list[str] | None = None
    line = 1
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise BadFile(f"is no CSV: {error}", line) from None
        if cells is None:
            break
        if header is None:
            if cells:
                header = _check_header([cell.strip().lower() for cell in cells], line)
        elif len(cells) not in {0, len(header)}:
            message = f"has {len(cells)} cells where the header has {len(header)}"
            yield line, Fault("cells", message, line)
        elif cells:
            yield line, dict(zip(header, map(unguard_formula, cells), strict=True))
        line = reader.line_num + 1
    if header is None:
        raise BadFile(f"is empty: the first line names the columns, {','.join(COLUMNS)}")


def _check_header(header: list[str], line: int) -> list[str]:
    if len(header) == 1 and any(mark in header[0] for mark in ";\t|"):
        raise BadFile("the columns are to be parted by commas", line)
    if problems := header_problems(header, COLUMNS, COLUMNS[:2]):
        raise BadFile("; ".join(problems), line)
    return header


def _check_cells(line: int, cells: dict[str, Any] | Fault) -> Iterator[Row | Fault]:
    """Yield the row that the cells make, and a fault for everything wrong with them."""
    if isinstance(cells, Fault):
        yield cells
        return
    given: dict[str, Any] = {}
    for name, cell in cells.items():
        if problem := _check_cell(name, cell):
            yield Fault("cell", problem, line)
        elif cell:
            given[name] = cell
    type_text = str(given.get("type", "")).strip().lower()
    if type_text not in TYPES:
        hint = did_you_mean(type_text, TYPES) or f"; write {', '.join(TYPES)}"
        what = f'there is no type "{type_text}"' if type_text else "has no type"
        yield Fault("type", f"{what}{hint}", line)
        return
    level = Level.from_label(type_text)
    unfit = given.keys() - MEANINGFUL[level] - {"type", "id", "name"}
    for name in sorted(unfit & set(COLUMNS)):
        yield Fault("misplaced", f"{name}: is not for a row of type {level.label}", line)
    fields = {name: given.get(name, "") for name in ("id", "name", "username", "email")}
    fields["username"] = User.normalize_username(fields["username"])
    for name in sorted(MEANINGFUL[level] & {"username", "email"} | {"id", "name"}):
        if problem := _check_field(level, name, fields[name]):
            yield Fault(name, f"{name}: {problem}", line)
    domains, domain_faults = _read_domains(_split(given.get("domains")), line)
    roles, role_faults = _read_roles(_split(given.get("roles")), line)
    yield from chain(domain_faults, role_faults)
    parent = given.get("parent", "")
    yield Row(line, level, parent=parent, domains=domains, roles=roles, **fields)


def _check_cell(name: str, cell: Any) -> str:
    """Return what is wrong with a cell whatever it means, or the empty text."""
    if name not in COLUMNS:
        return f'there is no column "{name}"{did_you_mean(name, COLUMNS)}'
    if isinstance(cell, list) and name in {"domains", "roles"}:
        wrong = next((part for part in cell if not isinstance(part, str)), None)
        cell = ";".join(part for part in cell if isinstance(part, str))
        if wrong is not None:
            return f"{name}: must be texts"
    if cell is not None and not isinstance(cell, str):
        return f"{name}: must be a text, in quotes"
    if cell and len(cell) > MAX_CELL:
        return f"{name}: is too long"
    if cell and not cell.isprintable():
        if any("\udc80" <= character <= "\udcff" for character in cell):
            return f"{name}: is not UTF-8"
        if any(unicodedata.category(character) in {"Cc", "Cs"} for character in cell):
            return f"{name}: must not contain control characters"
    return ""


def _check_field(level: Level, name: str, text: str) -> str:
    """Return what the model refuses of a text, or the empty text."""
    if name == "id" and not text:
        return "is missing: without it the file could not be read twice"
    try:
        if name == "id":
            validate_public_id(text)
        elif text:
            MODELS[level]._meta.get_field(name).clean(text, None)  # type: ignore[union-attr]
    except ValidationError as error:
        return " ".join(error.messages)
    return ""


def _split(cell: str | list[str] | None) -> list[str]:
    parts = cell.split(";") if isinstance(cell, str) else cell or []
    return [part.strip() for part in parts if part.strip()]


def _read_domains(texts: list[str], line: int) -> tuple[tuple[str, ...], list[Fault]]:
    domains: dict[str, None] = {}
    faults: list[Fault] = []
    for text in texts:
        try:
            domains[normalise_domain(text)] = None
        except ValidationError as error:
            faults.append(Fault("domains", f"domains: {' '.join(error.messages)}", line))
    return tuple(domains), faults


def _read_roles(texts: list[str], line: int) -> tuple[tuple[Role, ...], list[Fault]]:
    roles: dict[Role, None] = {}
    faults: list[Fault] = []
    for text in texts:
        try:
            roles[Role(text)] = None
        except ValueError:
            hint = did_you_mean(text, list(Role))
            faults.append(Fault("roles", f'roles: there is no role "{text}"{hint}', line))
    return tuple(roles), faults
