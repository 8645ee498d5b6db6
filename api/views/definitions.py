"""Features: their definitions, for every caller to read and for operators to change."""

from datetime import date
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from access.permissions import Action, Permission, Resource
from access.policy import require
from api.pagination import Ordering
from api.views.base import ResourceViewSet, one_of
from features.defining import FIELDS, archive_feature, define_feature, edit_feature, restore_feature
from features.kinds import KINDS
from features.models import Feature, Stage
from features.raw import describe_type
from features.serializers import render_time
from tenancy.levels import Level
from tenancy.models import System
from tenancy.prepared import PreparedQuery


class DefinitionViewSet(ResourceViewSet):
    """The definitions of features, archived ones included."""

    orderings = {"key": Ordering("key"), "-key": Ordering("key", descending=True)}
    filters = {"kind": one_of("kind", KINDS), "stage": one_of("stage", Stage.values)}
    lookup_field = "key"
    lookup_value_regex = "[^/]+"

    def rows(self) -> QuerySet[Feature]:
        """Return all definitions: they are no secret."""
        return Feature.objects.all()

    def render(self, row: Feature) -> dict[str, Any]:
        """Return a definition's JSON."""
        return {
            "key": row.key,
            "json_name": row.json_name,
            **{name: getattr(row, name) for name in FIELDS},
            "levels": [Level(number).label for number in row.levels],
            "expires_on": row.expires_on.isoformat() if row.expires_on else None,
            "builtin": row.builtin,
            "archived": render_time(row.archived_at) if row.archived_at else None,
            "created": render_time(row.created_at),
        }

    def retrieve(self, request: Request, key: str) -> Response:
        """Return one definition."""
        for row in definitions_by_key(key):
            return self.answer(self.render(row))
        raise Http404("feature not found")

    def create(self, request: Request) -> Response:
        """Define a feature."""
        self._require(Action.WRITE)
        members = _read_fields(self.body(), ("key", *FIELDS))
        missing = {n: "is required" for n in ("key", "kind", "default") if n not in members}
        if missing:
            raise ValidationError(missing)
        if not isinstance(members["key"], str):
            reason = f"must be a string, not {describe_type(members['key'])}"
            raise ValidationError({"key": reason})
        row = define_feature(**members, actor=self.actor, origin=self.origin)
        return self.answer(self.render(row), status=201)

    def partial_update(self, request: Request, key: str) -> Response:
        """Change the fields that the body holds."""
        with transaction.atomic():
            row = self._lock(key, Action.WRITE)
            changes = _read_fields(self.body(), FIELDS)
            row = edit_feature(row.key, changes, actor=self.actor, origin=self.origin)
        return self.answer(self.render(row))

    @action(detail=True, methods=["post"])
    def archive(self, request: Request, key: str) -> Response:
        """Take a feature out of use; its values stay."""
        with transaction.atomic():
            row = self._lock(key, Action.DELETE)
            row = archive_feature(row.key, actor=self.actor, origin=self.origin)
        return self.answer(self.render(row))

    @action(detail=True, methods=["post"])
    def restore(self, request: Request, key: str) -> Response:
        """Take an archived feature into use again."""
        with transaction.atomic():
            row = self._lock(key, Action.DELETE)
            row = restore_feature(row.key, actor=self.actor, origin=self.origin)
        return self.answer(self.render(row))

    def _lock(self, key: str, action: Action) -> Feature:
        self._require(action)
        row = get_object_or_404(self.rows().select_for_update(), key=key)
        self.check_if_match(row)
        return row

    def _require(self, action: Action) -> None:
        require(self.actor, Permission(Resource.DEFINITIONS, action), System())


definitions_by_key = PreparedQuery(lambda key: Feature.objects.filter(key=key), "a key")


def _read_fields(body: dict[str, Any], known: tuple[str, ...]) -> dict[str, Any]:
    """Return the members of a body with its date read. ValidationError names unknown ones."""
    unknown = {name: "there is no such field" for name in body if name not in known}
    if unknown:
        raise ValidationError(unknown)
    members = dict(body)
    if isinstance(members.get("expires_on"), str):
        try:
            members["expires_on"] = date.fromisoformat(members["expires_on"])
        except ValueError:
            raise ValidationError({"expires_on": "must be a date such as 2026-12-31"}) from None
    return members
