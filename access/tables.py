"""Rows for people and for programs: tables, CSV that no spreadsheet executes, YAML."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import yaml
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text


class Terminal(Protocol):
    """What may be one."""

    def isatty(self) -> bool: ...


FORMULA = re.compile(r"'*[=+\-@\t\r]")
GAP = "  "  # between two columns
WIDE = 100_000  # where nobody looks at it, a row is a line, however long


def render_table(columns: Sequence[str], rows: Iterable[Sequence[str]], file: Terminal) -> str:
    """Return a table fit for ``file``: within a terminal's width, a line a row elsewhere.

    No word is broken, as ids and keys are there to be copied: where a terminal is too narrow for
    that, each row is a block of its own.
    """
    is_terminal = file.isatty()
    buffer = io.StringIO()
    console = Console(
        file=buffer,
        width=None if is_terminal else WIDE,
        force_terminal=is_terminal,
        highlight=False,
    )
    shown = [[printable(cell) for cell in row] for row in rows]
    widths = _widths_of(list(zip(columns, *shown, strict=True)), console.width)
    if widths is None:
        return _render_blocks(columns, shown)
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, len(GAP), 0, 0))
    for column, width in zip(columns, widths, strict=True):
        table.add_column(column, overflow="fold", width=width)
    for row in shown:
        table.add_row(*map(Text, row))
    console.print(table)
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines())


def _widths_of(columns: list[tuple[str, ...]], room: int) -> list[int] | None:
    """Return how wide each column is to be; None where a word would have to be broken.

    What is left beyond the words goes first to those that need the least to be a line a row.
    """
    widths = [
        max(cell_len(word) for cell in cells for word in cell.split() or [""]) for cells in columns
    ]
    lacking = [
        max(map(cell_len, cells)) - width for cells, width in zip(columns, widths, strict=True)
    ]
    left = room - sum(widths) - len(GAP) * (len(widths) - 1)
    if left < 0:
        return None
    for index in sorted(range(len(widths)), key=lacking.__getitem__):
        more = min(lacking[index], left)
        widths[index] += more
        left -= more
    return widths


def _render_blocks(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return each row as lines of column and value, without those that are empty."""
    width = max(map(cell_len, columns))
    blocks = [
        [f"{column:{width}}{GAP}{cell}" for column, cell in zip(columns, row, strict=True) if cell]
        for row in rows
    ]
    return "\n\n".join("\n".join(block) for block in blocks)


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
