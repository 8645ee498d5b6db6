"""Which operations of a migration break processes of the version before, which go on beside it.

What is not known to be harmless is refused. One that is so for another reason says it:

    class Migration(migrations.Migration):
        harmless = "nothing has read the column since 1.2"
"""

from __future__ import annotations  # Django's fields take no types when it runs

from collections.abc import Collection, Iterator
from typing import Any

from django.db import connection
from django.db.migrations import Migration
from django.db.migrations.operations import (
    AddConstraint,
    AddField,
    AddIndex,
    AlterField,
    AlterModelManagers,
    AlterModelOptions,
    CreateModel,
)
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models import NOT_PROVIDED, Field, ForeignKey, ManyToManyField

from tenancy.operations import AddIndexInPlace

HARMLESS = (CreateModel, AddIndexInPlace, AlterModelOptions, AlterModelManagers)
ON_NEW_TABLES = (AddField, AddIndex, AddConstraint, AlterField)


def find_faults(migration: Migration, state: ProjectState, new: set[str]) -> Iterator[str]:
    """Yield a sentence for each operation that would break what runs, and apply it to the state.

    ``new`` has the tables that no released version knows, as "app.model", and gets this one's.
    """
    app = migration.app_label
    for operation in migration.operations:
        if isinstance(operation, CreateModel):
            new.add(f"{app}.{operation.name_lower}")
        before = state.clone()
        operation.state_forwards(app, state)
        if reason := find_fault(operation, app, before, new):
            yield f"{app}.{migration.name}: {operation.describe()}: {reason}"


def find_fault(
    operation: Operation, app: str, before: ProjectState, new: Collection[str]
) -> str | None:
    """Return why the operation would break what runs; None where it would not."""
    if isinstance(operation, HARMLESS):
        return None
    if isinstance(operation, ON_NEW_TABLES) and _table_of(operation, app) in new:
        return None
    match operation:
        case AddField():
            return _find_fault_of_column(operation.field)
        case AlterField():
            old = before.models[app, operation.model_name_lower].fields[operation.name]
            return _find_fault_of_alteration(old, operation.field)
        case AddIndex():
            return "writers wait until it is made; use tenancy.operations.AddIndexInPlace"
    return "the version before may need what this changes; do it a release later, and say why"


def _table_of(operation: Operation, app: str) -> str:
    name: str = getattr(operation, "model_name_lower", None) or operation.model_name.lower()  # type: ignore[attr-defined]
    return f"{app}.{name}"


def _find_fault_of_column(field: Field[Any, Any]) -> str | None:
    if isinstance(field, ManyToManyField):  # a table of its own
        return None
    if not field.null and field.db_default is NOT_PROVIDED:
        return "the version before inserts rows without it; give it null=True or db_default"
    if field.unique or getattr(field, "db_index", False):
        kind = ", db_index=False" if isinstance(field, ForeignKey) else ""
        return f"writers wait for its index; leave it out{kind} and use AddIndexInPlace"
    return None


def _find_fault_of_alteration(old: Field[Any, Any], new: Field[Any, Any]) -> str | None:
    """Nothing may change in the database, but a column may become empty, or wider."""
    if _column(old) != _column(new):
        return "the version before knows the column as it was; add another one"
    if old.null and not new.null:
        return "the version before may leave it empty"
    if old.max_length and new.max_length and new.max_length < old.max_length:
        return "what the version before writes may not fit"
    return None


def _column(field: Field[Any, Any]) -> tuple[object, ...]:
    """Return what the database knows of a field, but for what may change."""
    target = field.deconstruct()[3].get("to")
    # A state knows only the name of what a foreign key leads to, so not its type.
    by_name = field.max_length or field.is_relation
    kind = field.deconstruct()[1] if by_name else field.db_type(connection)
    return (
        kind,
        field.db_column,
        field.unique,
        getattr(field, "db_index", None),
        field.db_default,
        target,
    )
