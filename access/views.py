"""What every JSON API view shares: which instance, who asks, and how a change is recorded."""

from functools import cached_property
from typing import Any, cast

from django.core.exceptions import ObjectDoesNotExist, PermissionDenied
from rest_framework.authentication import get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, NotAuthenticated
from rest_framework.request import Request
from rest_framework.viewsets import ViewSet

from access.actors import Actor
from access.authentication import InvalidCredentials
from access.parsers import StrictJsonParser
from events.models import Surface
from events.services import Origin
from tenancy.hosts import find_instance, is_accepted_host
from tenancy.models import Instance
from tenancy.revision import current_revision


class UnknownHost(ObjectDoesNotExist):
    """No instance answers under the host that the request names."""

    def __init__(self, host: str) -> None:
        super().__init__(f'no instance answers at the host "{host}": use the domain of an instance')


class ApiViewSet(ViewSet):
    """A view that knows its instance and its actor before anything else happens.

    ``self.instance`` is the Instance that the host or the credentials mean, ``self.actor`` who
    asks, ``self.revision`` the revision that this request is answered at.
    """

    parser_classes = [StrictJsonParser]

    instance: Instance
    actor: Actor
    revision: int

    def perform_authentication(self, request: Request) -> None:
        """Find instance and actor. An unknown instance is said first, then bad credentials."""
        failure: AuthenticationFailed | None = None
        actor: Actor | None = None
        try:
            actor = request.user  # type: ignore[assignment]
        except AuthenticationFailed as error:
            failure = error
        revision: int | None = getattr(request._request, "revision", None)
        self.revision = current_revision() if revision is None else revision
        self.instance = self._find_instance(request.get_host(), actor)
        if failure or actor is None:
            has_header = bool(get_authorization_header(request))
            raise failure or (InvalidCredentials() if has_header else NotAuthenticated())
        self.actor = actor

    def _find_instance(self, host: str, actor: Actor | None) -> Instance:
        bound_to = actor.instance if actor else None
        named = find_instance(host, self.revision)
        if bound_to is None or not is_accepted_host(host, self.revision):
            if named is None:
                raise UnknownHost(host)
            return named
        if named is not None and named != bound_to:
            raise PermissionDenied("the host and the credentials name different instances")
        return bound_to

    @cached_property
    def origin(self) -> Origin:
        """How the history records what this request changes."""
        request = self.request._request
        return Origin(
            surface=Surface.API,
            request_id=getattr(request, "request_id", ""),
            address=request.META.get("REMOTE_ADDR", ""),
            on_behalf_of=self.actor.impersonator,
        )

    def body(self) -> dict[str, Any]:
        """Return the request's JSON object. ParseError or BodyTooLarge."""
        return cast("dict[str, Any]", self.request.data)
