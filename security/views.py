"""The settings API: the security settings of the instance that the host or the caller means."""

from rest_framework.request import Request
from rest_framework.response import Response

from access.permissions import Action, Permission, Resource
from access.policy import require
from access.views import ApiViewSet
from features.serializers import names_tag, parse_if_match, render_details
from security.serializers import parse_changes, parse_settings, render_answer
from security.services import (
    get_security_settings,
    patch_security_settings,
    set_security_settings,
)

READ = Permission(Resource.POLICY, Action.READ)
WRITE = Permission(Resource.POLICY, Action.WRITE)


class SecuritySettingsViewSet(ApiViewSet):
    """Reads, replaces and changes the security settings."""

    def retrieve(self, request: Request) -> Response:
        """Return the settings, the defaults when nothing was ever set."""
        require(self.actor, READ, self.instance)
        settings, details = get_security_settings(self.instance)
        tag = f'"{details.position.sequence}"'
        if names_tag(request.headers.get("If-None-Match"), tag):
            return Response(status=304, headers={"ETag": tag})
        return Response(render_answer(settings, details), headers={"ETag": tag})

    def update(self, request: Request) -> Response:
        """Replace everything: what is absent becomes off or empty."""
        require(self.actor, WRITE, self.instance)
        details = set_security_settings(
            self.instance,
            parse_settings(self.body()),
            actor=self.actor,
            origin=self.origin,
            if_match=parse_if_match(request.headers.get("If-Match")),
        )
        return Response({"details": render_details(details)})

    def partial_update(self, request: Request) -> Response:
        """Change only what is present, to any depth."""
        require(self.actor, WRITE, self.instance)
        details = patch_security_settings(
            self.instance,
            parse_changes(self.body()),
            actor=self.actor,
            origin=self.origin,
            if_match=parse_if_match(request.headers.get("If-Match")),
        )
        return Response({"details": render_details(details)})
