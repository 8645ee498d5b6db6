"""Saving a row that must be the only one of its id or name: one that is taken is named."""

from collections.abc import Iterable

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Model
from django.utils.translation import gettext as _

CLASHES = {"unique", "unique_together"}


class AlreadyExists(ValidationError):
    """What is to be made, or the id or name that it is to have, exists already."""


def save_unique(
    row: Model, *, exclude: Iterable[str] = (), update_fields: Iterable[str] | None = None
) -> None:
    """Check a row and save it. ValidationError for bad values, AlreadyExists for only taken ones.

    What is taken the database tells while it saves, so that nobody comes between and nothing is
    looked up first; only then is it sought which of the names it was.
    """
    relations = {field.name for field in row._meta.concrete_fields if field.is_relation}
    try:
        row.clean_fields(exclude={*exclude, *relations})
        row.clean()  # a username is stored as the sign-in page will read it
    except ValidationError:
        _check(row, exclude)
        raise
    try:
        with transaction.atomic():
            row.save(update_fields=update_fields)
    except IntegrityError:
        _check(row, exclude)
        raise


def _check(row: Model, exclude: Iterable[str]) -> None:
    try:
        row.full_clean(exclude=set(exclude))
    except ValidationError as error:
        found = [(name, fault) for name, faults in error.error_dict.items() for fault in faults]
    else:
        return
    named: dict[str, list[str]] = {}
    for field, fault in found:
        name, reason = _clash(row, fault) or (field, fault.messages[0])
        named.setdefault(name, []).append(reason)
    is_taken = all(_clash(row, fault) for _field, fault in found)
    raise AlreadyExists(named) if is_taken else ValidationError(named)


def _clash(row: Model, fault: ValidationError) -> tuple[str, str] | None:
    """Return the field whose value is taken, and the words for it; None for another fault."""
    if fault.code not in CLASHES or not fault.params:
        return None
    # The last of the columns: those before it say within what it is unique.
    name = fault.params["unique_check"][-1]
    return name, _('"%(name)s" already exists') % {"name": getattr(row, name)}
