"""The feature API: the settings of one owner at each of the four levels."""

from django.core.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from access.owners import find_permitted_instance, find_permitted_owner
from access.permissions import Action
from access.views import ApiViewSet
from features.definitions import definitions_at
from features.serializers import (
    hash_tag,
    names_tag,
    parse_change_set,
    parse_feature_id,
    parse_flag,
    parse_if_match,
    parse_single_value,
    render_details,
    render_features,
)
from features.services import get_features, reset_features, set_features
from tenancy.levels import Level
from tenancy.models import Owner


class FeatureSettingsViewSet(ApiViewSet):
    """Reads, changes and resets the feature settings of one owner of ``level``."""

    level: Level = Level.SYSTEM

    def retrieve(self, request: Request, public_id: str = "") -> Response:
        """Return the owner's own settings or, with ``inheritance=true``, the effective ones."""
        inheritance = parse_flag(request.query_params.getlist("inheritance"))
        owner = self._owner(public_id, Action.READ if inheritance is False else Action.EFFECTIVE)
        if inheritance is None:
            raise ValidationError({"inheritance": "must be true or false, once"})
        features = get_features(owner, inheritance=inheritance)
        body = render_features(features)
        tag = hash_tag(body) if inheritance else f'"{features.details.position.sequence}"'
        if names_tag(request.headers.get("If-None-Match"), tag):
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
        return find_permitted_owner(self.caller, action, self.level, public_id)


class InstanceFeatureViewSet(ApiViewSet):
    """Sets one feature of any instance, for operators of the system."""

    def update(self, request: Request, instance_id: str, feature_id: str) -> Response:
        """Set the feature to the value that the body holds."""
        instance = find_permitted_instance(self.caller, instance_id)
        body = self.body()
        definition = parse_feature_id(feature_id, definitions_at(self.revision))
        details = set_features(
            instance,
            {definition.key: parse_single_value(definition, body)},
            actor=self.actor,
            origin=self.origin,
            if_match=parse_if_match(request.headers.get("If-Match")),
        )
        return Response({"details": render_details(details, with_creation=True)})
