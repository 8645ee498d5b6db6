"""Overrides: what the owners of an instance set, level by level, and the locks on it."""

from collections.abc import Iterator
from typing import Any

from django.core import signing
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from access.permissions import Action, Permission
from access.policy import allows, visible
from api.pagination import DEFAULT_LIMIT, parse_limit
from api.references import find_referenced
from api.serializers import FlagField, StrictSerializer, TextField, parse
from api.views.base import ManagementViewSet, refuse_unknown
from features.bulk.plan import write_reference
from features.definitions import definitions_at
from features.models import OVERRIDES
from features.serializers import render_details, render_time
from features.services import lock_feature, unlock_feature
from tenancy.levels import OWNED_LEVELS, Level
from tenancy.lookups import Unindexed

SALT = "strata.api.overrides"
PARAMETERS = ("level", "owner", "feature", "locked", "limit", "cursor")
FLAGS = {"true": True, "false": False}


class OverrideViewSet(ManagementViewSet):
    """The overrides of the instance and of the system, from the widest level to the nearest."""

    def list(self, request: Request) -> Response:
        """Return one page. ValidationError for a parameter that the list does not know."""
        parameters = request.query_params.dict()
        refuse_unknown(parameters, PARAMETERS)
        limit = parse_limit(parameters.get("limit", str(DEFAULT_LIMIT)))
        start = _read_cursor(parameters.get("cursor", ""))
        found: list[tuple[Level, Any]] = []
        for level, rows in self._levels(parameters):
            if level < start[0]:
                continue
            after = Q(pk__gt=start[1]) if level == start[0] else Q()
            wanted = rows.filter(after).order_by("pk")[: limit + 1 - len(found)]
            found += [(level, row) for row in wanted]
            if len(found) > limit:
                break
        following = None
        if len(found) > limit:
            level, last = found[limit - 1]
            following = signing.dumps([level.value, last.pk], salt=SALT)
        results = [_render(level, row) for level, row in found[:limit]]
        return self.answer({"results": results, "next": following})

    def _levels(self, parameters: dict[str, str]) -> Iterator[tuple[Level, QuerySet[Any]]]:
        """Yield, for each level that is asked for, its overrides that the caller sees."""
        narrowed = self._read_filters(parameters)
        only = _read_level(parameters)
        owner = None
        if "owner" in parameters:
            owner = find_referenced(self.caller, parameters["owner"], Action.READ)
        for level in OWNED_LEVELS:
            if only not in {None, level} or (owner and owner.level is not level):
                continue
            rows: Any = OVERRIDES[level]._default_manager.filter(narrowed)
            rows = rows.filter(owner=owner.pk) if owner else self._seen(level, rows)
            yield level, rows.select_related("feature", *JOINS[level])

    def _read_filters(self, parameters: dict[str, str]) -> Q:
        narrowed = Q()
        if "feature" in parameters:
            definition = definitions_at(self.revision).get(parameters["feature"])
            narrowed &= Q(feature=definition.id)
        if "locked" in parameters:
            if parameters["locked"] not in FLAGS:
                raise ValidationError({"locked": "must be true or false"})
            narrowed &= Q(locked=FLAGS[parameters["locked"]])
        return narrowed

    def _seen(self, level: Level, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Return a level's overrides of this instance that the caller sees.

        Who sees all of the instance reads along the key; who sees an organization or two, what is
        in these.
        """
        if level in {Level.SYSTEM, Level.INSTANCE}:
            here = Q(owner=self.instance.pk) if level is Level.INSTANCE else Q()
            return rows.filter(here, visible(self.actor, level, "owner__"))
        if allows(self.actor, Permission.on_features(level, Action.READ), self.instance):
            rows = rows.alias(home=Unindexed("owner__instance_id"))
            return rows.filter(home=self.instance.pk)
        return rows.filter(visible(self.actor, level, "owner__"), owner__instance=self.instance.pk)


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


JOINS = {
    Level.SYSTEM: (),
    Level.INSTANCE: ("owner",),
    Level.ORGANIZATION: ("owner__instance",),
    Level.USER: ("owner__instance",),
}


def _render(level: Level, row: Any) -> dict[str, Any]:
    instance = "" if level in {Level.SYSTEM, Level.INSTANCE} else row.owner.instance.public_id
    name = "" if level is Level.SYSTEM else row.owner.public_id
    return {
        "level": level.label,
        "owner": write_reference(level, instance, name),
        "feature": row.feature.key,
        "value": row.value,
        "locked": row.locked,
        "changed": render_time(row.changed_at),
    }


def _read_level(parameters: dict[str, str]) -> Level | None:
    if "level" not in parameters:
        return None
    try:
        return Level.from_label(parameters["level"])
    except KeyError:
        labels = ", ".join(level.label for level in OWNED_LEVELS)
        raise ValidationError({"level": f"must be one of: {labels}"}) from None


def _read_cursor(cursor: str) -> tuple[int, int]:
    """Return the level and the key behind which a page begins. ValidationError for none of ours."""
    if not cursor:
        return 0, 0
    try:
        level, key = signing.loads(cursor, salt=SALT)
    except (signing.BadSignature, ValueError, TypeError):
        raise ValidationError({"cursor": "is not a cursor of this list"}) from None
    return int(level), int(key)
