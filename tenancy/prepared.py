"""Queries on every request's path: composed by the ORM once, then only executed.

Composing a query with several joins takes the ORM ten times as long as SQLite takes to answer it.
What is kept here is what the ORM composed, so the models stay the only place that names columns.
"""

from collections.abc import Callable
from functools import cached_property
from operator import attrgetter
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db import connection
from django.db.models import Model, QuerySet
from django.db.models.query import get_related_populators

AnyModel = TypeVar("AnyModel", bound=Model)
Parameter = str | int | UUID


class PreparedQuery(Generic[AnyModel]):
    """A query with parameters. ``compose`` returns it for some values, as a QuerySet.

    ``stand_ins`` are values that stand for the parameters while the query is composed: one for
    each, of its type, and found nowhere else in the query. The rows come as objects, with their
    annotations and what select_related joins.
    """

    def __init__(self, compose: Callable[..., QuerySet[AnyModel]], *stand_ins: Parameter) -> None:
        self._compose = compose
        self._stand_ins = stand_ins

    def __call__(self, *values: Parameter) -> list[AnyModel]:
        """Return the objects for the values, in the order of the stand-ins."""
        compiler, sql, parameters = self._composed
        given = dict(zip(self._adapted, map(_adapt, values), strict=True))
        with connection.cursor() as cursor:
            cursor.execute(sql, {name: given.get(each, each) for name, each in parameters.items()})
            rows = cursor.fetchall()
        return [self._build(row) for row in compiler.apply_converters(rows, self._converters)]

    def _build(self, row: list[Any]) -> AnyModel:
        """Make an object of a row, as the ORM's own iterator does."""
        compiler = self._composed[0]
        start, end = self._own_columns
        found: AnyModel = compiler.klass_info["model"].from_db(
            connection.alias, self._own_names, row[start:end]
        )
        for populator in self._populators:
            populator.populate(row, found)
        for name, position in compiler.annotation_col_map.items():
            setattr(found, name, row[position])
        return found

    @cached_property
    def _adapted(self) -> tuple[Parameter, ...]:
        return tuple(map(_adapt, self._stand_ins))

    @cached_property
    def _composed(self) -> tuple[Any, str, dict[str, Any]]:
        compiler = self._compose(*self._stand_ins).query.get_compiler(connection.alias)
        sql, parameters = compiler.as_sql()
        # By name: for SQLite, Django searches a text of several thousand characters for the others.
        named = {f"p{position}": value for position, value in enumerate(parameters)}
        return compiler, sql.replace("%%", "%%%%") % tuple(f"%({name})s" for name in named), named

    @cached_property
    def _converters(self) -> Any:
        compiler = self._composed[0]
        return compiler.get_converters([selected[0] for selected in compiler.select])

    @cached_property
    def _own_columns(self) -> tuple[int, int]:
        fields = self._composed[0].klass_info["select_fields"]
        return fields[0], fields[-1] + 1

    @cached_property
    def _own_names(self) -> list[str]:
        start, end = self._own_columns
        name = attrgetter("target.attname")
        return [name(selected[0]) for selected in self._composed[0].select[start:end]]

    @cached_property
    def _populators(self) -> list[Any]:
        compiler = self._composed[0]
        # The type hints are those of a later Django, in which it takes one argument more.
        make: Any = get_related_populators
        populators: list[Any] = make(compiler.klass_info, compiler.select, connection.alias)
        return populators


def _adapt(value: Parameter) -> Parameter:
    """Return a parameter as the ORM hands it to the database: SQLite keeps UUIDs as text."""
    if isinstance(value, UUID) and not connection.features.has_native_uuid_field:
        return value.hex
    return value
