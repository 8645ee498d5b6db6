"""Overrides: what the owners of an instance set, level by level, and the locks on it."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from django.core import signing
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from access.permissions import Action, Permission
from access.policy import OVERRIDE_PATHS, allows, granted_organizations, visible
from api.pagination import DEFAULT_LIMIT, parse_limit
from api.references import find_referenced
from api.serializers import FlagField, StrictSerializer, TextField, parse
from api.views.base import ManagementViewSet, holds_each, refuse_unknown
from features.bulk.plan import write_reference
from features.definitions import definitions_at
from features.models import OVERRIDES
from features.serializers import render_details, render_time
from features.services import lock_feature, unlock_feature
from tenancy.levels import OWNED_LEVELS, Level
from tenancy.lookups import holds

SALT = "strata.api.overrides"
PARAMETERS = ("level", "owner", "feature", "locked", "limit", "cursor")
FLAGS = {"true": True, "false": False}


class Start(NamedTuple):
    """The last row of the page before: the lists go by level, feature and key."""

    level: int
    feature: int
    key: int


class OverrideViewSet(ManagementViewSet):
    """The overrides of the instance and of the system, from the widest level to the nearest.

    In each level they are ordered by feature, the oldest first, as the indexes have them.
    """

    def list(self, request: Request) -> Response:
        """Return one page. ValidationError for a parameter that the list does not know."""
        parameters = request.query_params.dict()
        refuse_unknown(parameters, PARAMETERS)
        limit = parse_limit(parameters.get("limit", str(DEFAULT_LIMIT)))
        start = _read_cursor(parameters.get("cursor", ""))
        found: list[Any] = []
        for parts in self._parts(parameters, start):
            wanted = limit + 1 - len(found)
            if not wanted:
                break
            rows = [row for part in parts for row in part.order_by("feature_id", "pk")[:wanted]]
            found += sorted(rows, key=_place)[:wanted]
        results = [self._render(row) for row in found[:limit]]
        following = make_cursor(found[limit - 1]) if len(found) > limit else None
        return self.answer({"results": results, "next": following})

    def _parts(self, parameters: dict[str, str], start: Start) -> Iterator[Iterable[QuerySet[Any]]]:
        """Yield what follows, a stretch of the list after the other, as the parts to be merged.

        Each part is a stretch of an index, whatever else is in the table.
        """
        feature = self._read_feature(parameters)
        locked = _read_locked(parameters)
        only = _read_level(parameters)
        owner = None
        if "owner" in parameters:
            owner = find_referenced(self.caller, parameters["owner"], Action.READ)
        for level in OWNED_LEVELS:
            if only not in {None, level} or (owner and owner.level is not level):
                continue
            rows: Any = OVERRIDES[level]._default_manager.filter(locked)
            rows = rows.select_related("feature", "owner")
            seen = [Q(owner=owner.pk)] if owner else self._seen(level)
            for after in _steps(start, level, feature):
                yield [rows.filter(part, after) for part in seen]

    def _read_feature(self, parameters: dict[str, str]) -> int | None:
        """Return the key of the feature that is asked for. UnknownFeature when there is none."""
        if "feature" not in parameters:
            return None
        return definitions_at(self.revision).get(parameters["feature"]).id

    def _seen(self, level: Level) -> Sequence[Q]:
        """Return the filters of a level's overrides of this instance that the caller sees.

        Each is what an index begins with: who does not see all of the instance sees what is in the
        organizations on which they were granted that.
        """
        if level in {Level.SYSTEM, Level.INSTANCE}:
            here = Q(owner=self.instance.pk) if level is Level.INSTANCE else Q()
            return [here & visible(self.actor, level, paths=OVERRIDE_PATHS)]
        permission = Permission.on_features(level, Action.READ)
        if allows(self.actor, permission, self.instance):
            return [Q(instance=self.instance.pk)]
        keys = sorted(granted_organizations(self.actor, permission))
        here = Q(holds("instance", self.instance.pk, finds=False))
        if level is Level.ORGANIZATION:
            return [here & Q(holds("owner", *keys))] if keys else []
        return [here & Q(part) for part in holds_each("organization", keys)]

    def _render(self, row: Any) -> dict[str, Any]:
        level = row.level
        instance = "" if level in {Level.SYSTEM, Level.INSTANCE} else self.instance.public_id
        name = "" if level is Level.SYSTEM else row.owner.public_id
        return {
            "level": level.label,
            "owner": write_reference(level, instance, name),
            "feature": row.feature.key,
            "value": row.value,
            "locked": row.locked,
            "changed": render_time(row.changed_at),
        }


class LockSerializer(StrictSerializer):
    """Whether the levels below an owner may set a feature."""

    owner = TextField(max_length=300)
    feature = TextField(max_length=100)
    locked = FlagField()


class LockViewSet(ManagementViewSet):
    """Locks and unlocks what an owner sets."""

    def create(self, request: Request) -> Response:
        """Lock or unlock a feature at an owner; what is so already changes nothing."""
        members = parse(LockSerializer, self.body())
        owner = find_referenced(self.caller, members["owner"], Action.WRITE)
        change = lock_feature if members["locked"] else unlock_feature
        details = change(owner, members["feature"], actor=self.actor, origin=self.origin)
        return Response({**members, "details": render_details(details)})


def make_cursor(last: Any) -> str:
    """Return the cursor of what follows an override."""
    return signing.dumps([last.level.value, *_place(last)], salt=SALT)


def _place(row: Any) -> tuple[int, int]:
    return row.feature_id, row.pk


def _steps(start: Start, level: Level, feature: int | None) -> list[Q]:
    """Return the filters of a level's overrides behind a row, in their order, of a feature or all.

    First what is left of the row's feature, then the features beyond it: in one filter SQLite would
    read from the feature's first override (as of 3.40).
    """
    of_feature = Q() if feature is None else Q(feature=feature)
    if level != start.level:
        return [of_feature] if level > start.level else []
    if feature in {None, start.feature}:
        rest = [Q(feature=start.feature, pk__gt=start.key)]
        return rest if feature else [*rest, Q(feature__gt=start.feature)]
    return [of_feature] if feature > start.feature else []


def _read_level(parameters: dict[str, str]) -> Level | None:
    if "level" not in parameters:
        return None
    try:
        return Level.from_label(parameters["level"])
    except KeyError:
        labels = ", ".join(level.label for level in OWNED_LEVELS)
        raise ValidationError({"level": f"must be one of: {labels}"}) from None


def _read_locked(parameters: dict[str, str]) -> Q:
    if "locked" not in parameters:
        return Q()
    if parameters["locked"] not in FLAGS:
        raise ValidationError({"locked": "must be true or false"})
    return Q(locked=FLAGS[parameters["locked"]])


def _read_cursor(cursor: str) -> Start:
    """Return the row behind which a page begins. ValidationError for a cursor of none of ours."""
    if not cursor:
        return Start(0, 0, 0)
    try:
        return Start(*signing.loads(cursor, salt=SALT))
    except (signing.BadSignature, ValueError, TypeError):
        raise ValidationError({"cursor": "is not a cursor of this list"}) from None
