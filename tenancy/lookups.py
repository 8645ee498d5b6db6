"""Searching by how a text begins, with an index, on both databases."""

from typing import TYPE_CHECKING, Any

from django.db.models import F, Func, Lookup
from django.db.models.lookups import Exact, In
from django.db.models.sql.compiler import SQLCompiler

if TYPE_CHECKING:
    TextLookup = Lookup[str]
else:
    TextLookup = Lookup  # takes no parameter when it runs

Sql = tuple[str, tuple[str | int, ...]]


class Prefix(TextLookup):
    """``column__prefix="al"``: begins with it, case counts. Columns of folded text ignore case.

    The stock ``startswith`` cannot use an index on SQLite. On PostgreSQL this is LIKE, which uses
    the index that ``db_index`` makes for it; on SQLite a range, whose order is by code points.
    """

    lookup_name = "prefix"

    def as_sql(self, compiler: SQLCompiler, connection: Any) -> Sql:
        """Return LIKE with the wildcards escaped."""
        left, parameters = self.process_lhs(compiler, connection)
        escaped = str(self.rhs).replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        return f"{left} LIKE %s", (*parameters, f"{escaped}%")

    def as_sqlite(self, compiler: SQLCompiler, connection: Any) -> Sql:
        """Return a range from the text to the last that begins with it."""
        left, parameters = self.process_lhs(compiler, connection)
        text = str(self.rhs)
        return (
            f"({left} >= %s AND {left} < %s)",
            (*parameters, text, *parameters, text + chr(0x10FFFF)),
        )


class Sought(Exact):
    """A column that holds a value, and does so in few rows: SQLite takes the index that has it.

    Without statistics it takes the narrower of two indexes: it would walk all the rows of a place
    for the few of one role there, though the wider one has both.
    """

    hint = "unlikely({})"  # documented to tell the planner so

    def as_sqlite(self, compiler: SQLCompiler, connection: Any) -> Sql:
        """Return the comparison within the hint."""
        sql, parameters = self.as_sql(compiler, connection)
        return self.hint.format(sql), tuple(parameters)


class Tied(Sought):
    """The same of the column that a list is ordered by, which has an index in just that order.

    Nothing else may find the rows: a search by how that column begins would seem narrower.
    """

    hint = "likelihood({}, 0.000001)"


def holds(column: str, *keys: int | str, finds: bool = True) -> Exact | In:
    """Return the condition that a column holds one of the keys: `=` for a single one.

    Of all that a list is narrowed by only one ``finds`` its rows on SQLite, which could choose any
    that has an index; the others are tested.
    """
    side = F(column) if finds else Unindexed(F(column))
    return Exact(side, keys[0]) if len(keys) == 1 else In(side, keys)


class Unindexed(Func):
    """A column that SQLite tests and never begins with: a list begins where its order does.

    It has no statistics, and would collect all that an index finds, and sort that for each page.
    """

    arity = 1
    template = "%(expressions)s"

    def as_sqlite(self, compiler: SQLCompiler, connection: Any, **extra: Any) -> Sql:
        """Return the column behind a plus, which is documented to keep its indexes out."""
        sql, parameters = self.as_sql(compiler, connection, template="+%(expressions)s", **extra)
        return sql, tuple(parameters)
