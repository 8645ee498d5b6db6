"""Rows for people and for programs: tables, CSV that no spreadsheet executes, YAML."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import yaml
from rich.console import Console
from rich.table import Table
from rich.text import Text


class Terminal(Protocol):
    """What may be one."""

    def isatty(self) -> bool: ...


FORMULA = re.compile(r"'*[=+\-@\t\r]")
WIDE = 100_000  # where nobody looks at it, a row is a line, however long


def render_table(columns: Sequence[str], rows: Iterable[Sequence[str]], file: Terminal) -> str:
    """Return a table fit for ``file``: folded to a terminal's width, a line a row elsewhere."""
    is_terminal = file.isatty()
    buffer = io.StringIO()
    console = Console(
        file=buffer,
        width=None if is_terminal else WIDE,
        force_terminal=is_terminal,
        highlight=False,
    )
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    console.print(table)
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines())


def render_csv(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return rows as CSV, safe in a spreadsheet, under a header unless it is empty."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    if columns:
        writer.writerow(columns)
    writer.writerows([guard_formula(cell) for cell in row] for row in rows)
    return buffer.getvalue().removesuffix("\n")


def render_yaml(document: Any) -> str:
    """Return a document as YAML, with texts quoted that YAML 1.1 would take for something else."""
    text: str = yaml.dump(
        document, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True, width=WIDE
    )
    return text.removesuffix("\n")


def guard_formula(cell: str) -> str:
    """Return a cell that a spreadsheet takes for text: an apostrophe before what it would run."""
    return f"'{cell}" if FORMULA.match(cell) else cell


def unguard_formula(cell: str) -> str:
    """Return what `guard_formula` was given."""
    return cell[1:] if cell.startswith("'") and FORMULA.match(cell) else cell


def printable(text: str) -> str:
    """Return a text without what would steer a terminal: control characters as escapes."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )
