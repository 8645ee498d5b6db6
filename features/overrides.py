"""Reading and writing override rows. Everything that an answer needs comes in one query."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from django.db import connection

from events.services import Position, StreamKey, as_datetime
from features.models import OVERRIDES
from features.resolution import Override
from tenancy.levels import Level
from tenancy.models import Owner

STREAM_ROW, REVISION_ROW = 0, -1


@dataclass(frozen=True, slots=True)
class StoredOverride(Override):
    """An override with the time at which it was last changed."""

    changed_at: datetime | None = None


@dataclass(frozen=True)
class LineageState:
    """What one query found: the overrides of a lineage, and where its nearest owner stands.

    ``overrides`` maps a feature's primary key to its overrides by level.
    """

    revision: int
    position: Position
    overrides: Mapping[int, Mapping[Level, StoredOverride]]

    def of_feature(self, feature_id: int) -> Mapping[Level, StoredOverride]:
        """The overrides of one feature by level; empty when nobody set it."""
        return self.overrides.get(feature_id, {})


def read_lineage(owner: Owner, feature_id: int | None = None) -> LineageState:
    """Read, in one query, the overrides of an owner and of all owners above it.

    The same query reads the revision, at which the definitions are valid, and the position of the
    owner's stream. With ``feature_id``, the overrides of that feature only.
    """
    keys = owner.lineage_keys()
    stream = StreamKey.of(owner)
    parameters: dict[str, Any] = {f"owner_{level}": key for level, key in keys.items()}
    parameters |= {"kind": stream.kind, "instance": stream.instance, "owner": stream.owner}
    parameters["feature"] = feature_id
    with connection.cursor() as cursor:
        cursor.execute(_lineage_sql(tuple(keys), feature_id is not None), parameters)
        rows = cursor.fetchall()
    revision, position = 0, Position()
    overrides: dict[int, dict[Level, StoredOverride]] = {}
    for tag, number, value, locked, changed_at, created_at in rows:
        if tag == REVISION_ROW:
            revision = number
        elif tag == STREAM_ROW:
            position = Position(number, as_datetime(changed_at), as_datetime(created_at))
        else:
            stored = StoredOverride(json.loads(value), bool(locked), as_datetime(changed_at))
            overrides.setdefault(number, {})[Level(tag)] = stored
    return LineageState(revision, position, overrides)


def write_overrides(
    owner: Owner, written: Mapping[int, Override], removed: Iterable[int], now: datetime
) -> None:
    """Set and remove overrides of one owner, by feature primary key: a statement for each."""
    model: Any = OVERRIDES[owner.level]  # the owner's foreign key differs by table
    if written:
        above = owner.parent_keys
        place = {f"{level.label}_id": above.get(level) for level in model.places}
        rows = [
            model(
                owner_id=owner.pk,
                **place,
                feature_id=feature_id,
                value=override.value,
                locked=override.locked,
                changed_at=now,
            )
            for feature_id, override in written.items()
        ]
        model._default_manager.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["owner", "feature"],
            update_fields=["value", "locked", "changed_at"],
        )
    doomed = list(removed)
    if doomed:
        model._default_manager.filter(owner_id=owner.pk, feature_id__in=doomed).delete()


@cache
def _lineage_sql(levels: tuple[Level, ...], narrowed: bool) -> str:
    """Return the UNION ALL over the levels' tables, the stream and the revision.

    Every name in it comes from the models; every value is a parameter, by name as in PreparedQuery.
    """
    condition = " AND feature_id = %(feature)s" if narrowed else ""
    parts = [
        f"SELECT {level.value}, feature_id, value, locked, changed_at, changed_at "  # noqa: S608
        f"FROM {OVERRIDES[level]._meta.db_table} WHERE owner_id = %(owner_{level})s{condition}"
        for level in levels
    ]
    parts += [
        f"SELECT {STREAM_ROW}, sequence, NULL, NULL, changed_at, created_at "  # noqa: S608
        "FROM events_stream WHERE kind = %(kind)s AND instance = %(instance)s "
        "AND owner = %(owner)s",
        f"SELECT {REVISION_ROW}, token, NULL, NULL, NULL, NULL "  # noqa: S608
        "FROM tenancy_revision",
    ]
    return " UNION ALL ".join(parts)
