"""The temporary tables of a bulk plan, and the few things in which the two databases differ.

- ``bulk_input``: the rows as they were read, with the texts that name their owners,
- ``bulk_choice``: the different things that rows ask for, each once,
- ``bulk_target``: the rows with their owners found, and where these belong,
- ``bulk_change``: what would change (events.bulk says which columns a change has),
- ``bulk_fault``: what is wrong, by line.

They live in the connection, are dropped at the end and vanish with it.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any

from django.db import connection, transaction

from access.reports import Fault

PARAMETER = re.compile(r"%\((\w+)\)s")

TABLES: dict[str, str] = {
    "bulk_input": """
        line bigint NOT NULL, choice bigint NOT NULL, instance_id bigint, owner text NOT NULL,
        written text
    """,
    "bulk_choice": """
        id bigint PRIMARY KEY, level integer NOT NULL, feature_id bigint NOT NULL,
        subject text NOT NULL, action text NOT NULL, value {json}, canonical text, locked boolean,
        reason text NOT NULL, has_expectation boolean NOT NULL, expects text,
        expects_locked boolean NOT NULL, sequence bigint
    """,
    "bulk_target": """
        level integer NOT NULL, owner_id bigint NOT NULL, feature_id bigint NOT NULL,
        line bigint NOT NULL, choice bigint NOT NULL, organization_id bigint, instance_id bigint,
        instance text NOT NULL, owner text NOT NULL
    """,
    "bulk_change": """
        n {serial}, line bigint NOT NULL, level integer NOT NULL, owner_id bigint NOT NULL,
        feature_id bigint NOT NULL, kind text NOT NULL, instance text NOT NULL,
        owner text NOT NULL, expected bigint NOT NULL, nth integer NOT NULL,
        total integer NOT NULL, type text NOT NULL, subject text NOT NULL, before {json},
        after {json}, locked_before boolean NOT NULL, locked_after boolean NOT NULL,
        reason text NOT NULL, instance_key bigint, organization_key bigint
    """,
    "bulk_fault": "line bigint NOT NULL, code text NOT NULL, message text NOT NULL",
}
WIDTHS = {"bulk_input": 5, "bulk_choice": 13, "bulk_fault": 3}  # columns of what is loaded
FETCH_SIZE = 2000


@contextmanager
def open_workspace() -> Iterator[None]:
    """Make the tables, empty, and drop them at the end."""
    _drop_tables()
    if not is_postgresql():
        connection.ensure_connection()
        connection.connection.create_function(
            "canonical_json", 1, canonical_json, deterministic=True
        )
    types = {
        "json": "jsonb" if is_postgresql() else "text",
        "serial": "bigint GENERATED ALWAYS AS IDENTITY"
        if is_postgresql()
        else "integer PRIMARY KEY",
    }
    for table, columns in TABLES.items():
        execute(f"CREATE TEMPORARY TABLE {table} ({columns.format(**types)})")
    try:
        yield
    finally:
        # After a broken connection there is nothing to drop, and in a broken transaction no way.
        if connection.connection is not None and not connection.needs_rollback:
            _drop_tables()


def is_postgresql() -> bool:
    """Whether the database is PostgreSQL; otherwise it is SQLite."""
    return bool(connection.vendor == "postgresql")


def execute(sql: str, parameters: Sequence[Any] = ()) -> int:
    """Run a statement and return how many rows it touched."""
    with connection.cursor() as cursor:
        cursor.execute(sql, list(parameters))
        return int(cursor.rowcount)


def text_sql(text: str) -> str:
    """Return a text as SQL writes it, for `execute`."""
    return "'" + text.replace("'", "''").replace("%", "%%") + "'"


def sentence_sql(template: str, **expressions: str) -> str:
    """Return what puts a sentence together in SQL: each parameter is an expression there."""
    parts = PARAMETER.split(template)
    texts = [text_sql(part) if n % 2 == 0 else expressions[part] for n, part in enumerate(parts)]
    return " || ".join(text for text in texts if text != "''")


def fetch_one(sql: str, parameters: Sequence[Any] = ()) -> Any:
    """Return the first row of a query, or None."""
    with connection.cursor() as cursor:
        cursor.execute(sql, list(parameters))
        return cursor.fetchone()


def stream(table: str, columns: str, order: str) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a temporary table in order, a few at a time, whatever its size.

    By key instead of by cursor: a reader that writes between two rows disturbs nothing.
    """
    width = order.count(",") + 1
    marks = ", ".join(["%s"] * width)
    last: list[Any] = []
    while True:
        condition = f"WHERE ({order}) > ({marks})" if last else ""
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT {columns}, {order} FROM {table} {condition} "
                f"ORDER BY {order} LIMIT {FETCH_SIZE}",
                last,
            )
            rows = cursor.fetchall()
        for row in rows:
            yield row[:-width]
        if len(rows) < FETCH_SIZE:
            return
        if not last:  # who reads on needs an index
            execute(f"CREATE INDEX IF NOT EXISTS {table}_order ON {table} ({order})")
        last = list(rows[-1][-width:])


def in_chunks(rows: Iterable[Any], size: int = FETCH_SIZE) -> Iterator[list[Any]]:
    """Yield the rows in lists of that size."""
    remaining = iter(rows)
    while chunk := list(islice(remaining, size)):
        yield chunk


def count(table: str) -> int:
    """Return how many rows a table has."""
    return int(fetch_one(f"SELECT count(*) FROM {table}")[0])


def load(table: str, rows: Iterable[tuple[Any, ...]]) -> None:
    """Add rows to a table: by COPY on PostgreSQL, by a prepared statement on SQLite."""
    if is_postgresql():
        copy_lines(table, "".join(["\t".join(map(_copy_text, row)) + "\n" for row in rows]))
        return
    marks = ", ".join("?" * WIDTHS[table])
    with temporary_writes():
        connection.connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)


def load_faults(faults: Iterable[Fault]) -> None:
    """Add faults to their table."""
    load("bulk_fault", [(fault.line, fault.code, fault.message) for fault in faults])


def copy_lines(table: str, text: str) -> None:
    """Add lines of PostgreSQL's COPY format to a table."""
    if not text:
        return
    with connection.cursor() as cursor, cursor.copy(f"COPY {table} FROM STDIN") as copy:
        copy.write(text)


@contextmanager
def temporary_writes() -> Iterator[None]:
    """On SQLite, bundle writes to temporary tables without taking the database's write lock."""
    if is_postgresql() or connection.in_atomic_block:
        yield
        return
    raw = connection.connection
    raw.execute("BEGIN DEFERRED")
    try:
        yield
    except BaseException:
        raw.execute("ROLLBACK")
        raise
    raw.execute("COMMIT")


@contextmanager
def bulk_transaction() -> Iterator[None]:
    """Open a transaction with the memory that sorting and joining many rows wants."""
    with transaction.atomic():
        if is_postgresql():
            execute("SET LOCAL work_mem = '64MB'")
            execute("SET LOCAL jit = off")  # it costs more than it saves on these statements
        yield


@contextmanager
def snapshot() -> Iterator[None]:
    """Have several queries see the database as of one moment, holding nobody up."""
    if connection.in_atomic_block:
        yield
    elif is_postgresql():
        with transaction.atomic():
            execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield
    else:
        connection.ensure_connection()
        with temporary_writes():
            yield


def analyze(*tables: str) -> None:
    """Tell PostgreSQL's planner how large temporary tables are; nobody else does."""
    for table in tables if is_postgresql() else ():
        execute(f"ANALYZE {table}")


def as_json_text(value: Any) -> str:
    """Return a value as the columns of both databases take it, as Django would write it."""
    return json.dumps(value)


def read_json(stored: Any) -> Any:
    """Return a value as a plain cursor gives it, read: both databases hand out its text."""
    return json.loads(stored) if isinstance(stored, str) else stored


def canonical_json(text: str | None) -> str | None:
    """Return the one text of equal JSON values: the order of an object's keys says nothing."""
    return None if text is None else json.dumps(json.loads(text), sort_keys=True)


def _copy_text(cell: Any) -> str:
    if cell is None:
        return r"\N"
    if isinstance(cell, str):
        return escape_copy(cell)
    return str(cell)  # true and false in any case of letters


def escape_copy(text: str) -> str:
    """Return a text as a cell of COPY's format."""
    if text.isprintable() and "\\" not in text:
        return text
    return text.replace("\\", "\\\\").replace("\t", r"\t").replace("\n", r"\n").replace("\r", r"\r")


def _drop_tables() -> None:
    names: Iterable[str] = TABLES
    for table in names:
        execute(f"DROP TABLE IF EXISTS {'pg_temp' if is_postgresql() else 'temp'}.{table}")
