"""The feature API: the settings of one owner at each of the four levels."""

from typing import Any

from django.core.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from access.permissions import Action, Permission
from access.policy import require, require_on_features
from access.views import ApiViewSet
from features.definitions import Definition, UnknownFeature, definitions_at
from features.kinds import InvalidValue
from features.planning import misplaced_message
from features.serializers import (
    hash_tag,
    parse_change_set,
    parse_flag,
    parse_if_match,
    parse_value,
    render_details,
    render_features,
    split_tags,
)
from features.services import get_features, reset_features, set_features
from tenancy.identifiers import validate_public_id
from tenancy.levels import Level
from tenancy.models import Instance, Owner, System
from tenancy.services import find_owner


class FeatureSettingsViewSet(ApiViewSet):
    """Reads, changes and resets the feature settings of one owner of ``level``."""

    level: Level = Level.SYSTEM

    def retrieve(self, request: Request, public_id: str = "") -> Response:
        """Return the owner's own settings or, with ``inheritance=true``, the effective ones."""
        inheritance = parse_flag(request.query_params.get("inheritance", ""))
        owner = self._owner(public_id, Action.READ if inheritance is False else Action.EFFECTIVE)
        if inheritance is None:
            raise ValidationError({"inheritance": "must be true or false"})
        features = get_features(owner, inheritance=inheritance)
        body = render_features(features)
        tag = hash_tag(body) if inheritance else f'"{features.details.position.sequence}"'
        if _names_tag(request.headers.get("If-None-Match"), tag):
            return Response(status=304, headers={"ETag": tag})
        return Response(body, headers={"ETag": tag})

    def update(self, request: Request, public_id: str = "") -> Response:
        """Apply a change set; only the fields present are touched."""
        owner = self._owner(public_id, Action.WRITE)
        changes = parse_change_set(self.body(), definitions_at(self.revision), self.level)
        details = set_features(
            owner,
            changes,
            actor=self.actor,
            origin=self.origin,
            if_match=parse_if_match(request.headers.get("If-Match")),
        )
        return Response({"details": render_details(details)})

    def destroy(self, request: Request, public_id: str = "") -> Response:
        """Remove all of the owner's own settings."""
        owner = self._owner(public_id, Action.DELETE)
        details = reset_features(
            owner,
            actor=self.actor,
            origin=self.origin,
            if_match=parse_if_match(request.headers.get("If-Match")),
        )
        return Response({"details": render_details(details)})

    def _owner(self, public_id: str, action: Action) -> Owner:
        """Return the owner meant, when the actor may do ``action`` to its features."""
        if self.level in {Level.ORGANIZATION, Level.USER}:
            try:
                validate_public_id(public_id)
            except ValidationError as error:
                require(self.actor, Permission.on_features(self.level, action), self.instance)
                raise ValidationError({f"{self.level.label}Id": error.messages}) from None
        owner = find_owner(self.instance, self.level, public_id)
        return require_on_features(
            self.actor, action, owner, level=self.level, instance=self.instance
        )


class InstanceFeatureViewSet(ApiViewSet):
    """Sets one feature of any instance, for operators of the system."""

    def update(self, request: Request, instance_id: str, feature_id: str) -> Response:
        """Set the feature to the value that the body holds."""
        require(self.actor, Permission.on_features(Level.SYSTEM, Action.WRITE), System())
        instance = self._instance(instance_id)
        body = self.body()
        definition = self._definition(feature_id)
        details = set_features(
            instance,
            {definition.key: _single_value(definition, body)},
            actor=self.actor,
            origin=self.origin,
        )
        return Response({"details": render_details(details, with_creation=True)})

    def _instance(self, instance_id: str) -> Instance:
        try:
            validate_public_id(instance_id)
        except ValidationError as error:
            raise ValidationError({"instanceId": error.messages}) from None
        return Instance.objects.get(public_id=instance_id)

    def _definition(self, feature_id: str) -> Definition:
        """Return the feature meant by an enum's name or number, or by its own name."""
        name = {"1": "login_default_org", "INSTANCE_FEATURE_LOGIN_DEFAULT_ORG": "login_default_org"}
        try:
            definition = definitions_at(self.revision).get(name.get(feature_id, feature_id))
        except UnknownFeature as error:
            raise ValidationError({"featureId": str(error)}) from None
        if not definition.may_be_set_at(Level.INSTANCE):
            raise ValidationError({"featureId": misplaced_message(definition, Level.INSTANCE)})
        return definition


def _single_value(definition: Definition, body: dict[str, Any]) -> Any:
    """Return the checked value of ``{"bool": …}`` or ``{"value": …}``."""
    unknown = {
        field: 'is not known; write {"bool": …} or {"value": …}'
        for field in body
        if field not in {"bool", "value"}
    }
    if unknown:
        raise ValidationError(unknown)
    if len(body) != 1:
        raise ValidationError({"value": 'write either {"bool": …} or {"value": …}'})
    [(field, raw)] = body.items()
    if field == "bool" and raw is not None and not isinstance(raw, bool):
        raise ValidationError({"bool": "must be true or false"})
    try:
        return parse_value(definition, raw)
    except InvalidValue as error:
        raise ValidationError({field + path: reason for path, reason in error.problems}) from None


def _names_tag(if_none_match: str | None, tag: str) -> bool:
    """Whether If-None-Match names the tag; the comparison is weak (RFC 9110, 13.1.2)."""
    if if_none_match is None:
        return False
    tags = [candidate.removeprefix("W/") for candidate in split_tags(if_none_match)]
    return if_none_match.strip() == "*" or tag in tags
