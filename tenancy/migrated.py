"""What a post_migrate handler asks: the signal comes for every app, migrated yet or not."""

from django.apps.registry import Apps
from django.db import DEFAULT_DB_ALIAS, models


def is_ready(using: str, migrated: Apps | None, *wanted: type[models.Model]) -> bool:
    """Whether the default database has these models' tables, with the columns the code knows.

    It has not after ``migrate`` of one app, or back to an earlier migration. ``migrated`` is what
    post_migrate sends as ``apps``; ``flush`` sends none, and changes no table.
    """
    if using != DEFAULT_DB_ALIAS:
        return False
    return migrated is None or all(_columns(migrated, model) == _own(model) for model in wanted)


def _columns(migrated: Apps, model: type[models.Model]) -> set[str | None]:
    """Return the columns that the applied migrations give a model; none when it has no table."""
    try:
        state = migrated.get_model(model._meta.label)
    except LookupError:
        return set()
    return _own(state)


def _own(model: type[models.Model]) -> set[str | None]:
    return {field.column for field in model._meta.concrete_fields}
