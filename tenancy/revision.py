"""The revision: one row that changes with every definition, domain and security setting.

What changes rarely is kept in the process and trusted for exactly one revision. A request reads the
revision once (in a query it makes anyway) and asks `memo` at that revision; another revision
empties the memo. Nothing older than the revision that was read is ever served. Overrides are not
kept: one query reads those of all four levels, and no write of a value has to wait for this row.
"""

import secrets
from collections.abc import Callable, Hashable
from typing import Any, TypeVar, cast

from django.db import models
from django.db.models import Q

T = TypeVar("T")


class Revision(models.Model):
    """The single row (pk 1) whose token is another after every such change.

    The token is random rather than counted: a counter that a rolled-back transaction had raised
    would come back later for different data, and a memo filled meanwhile would be believed.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    token = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="revision_is_one_row")]

    def __str__(self) -> str:
        return str(self.token)


def touch_revision() -> None:
    """Tell every process to forget what it kept. Call it last in the changing transaction.

    Last, so that the one row is locked for as short as possible and always after the streams. Until
    then that transaction must ask `memo` for nothing that it changes: what it saw would be kept
    under the old token, for others to believe, even if it were rolled back.
    """
    Revision.objects.filter(pk=1).update(token=secrets.randbits(63))


def current_revision() -> int:
    """Return the revision's token, with one query. Absent (a database being made): 0."""
    return Revision.objects.filter(pk=1).values_list("token", flat=True).first() or 0


class Memo:
    """What this process loaded at one revision; asking at another forgets it all."""

    def __init__(self) -> None:
        self._held: tuple[int, dict[Hashable, Any]] = (0, {})

    def get(self, revision: int, key: Hashable, load: Callable[[], T]) -> T:
        """Return what ``load`` gave for ``key`` at ``revision``, calling it only when needed.

        What loads as None is not kept, so that unknown names from outside cannot fill the memory.
        Threads may load the same thing twice; they never see a mixture of two revisions.
        """
        held_at, kept = self._held
        if held_at != revision:
            kept = {}
            self._held = (revision, kept)
        if key in kept:
            return cast("T", kept[key])
        value = load()
        if value is not None:
            kept[key] = value
        return value


memo = Memo()
