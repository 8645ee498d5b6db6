"""What every JSON API view shares: which instance, who asks, and how a change is recorded."""

from functools import cached_property
from typing import Any, cast

from django.core.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.viewsets import ViewSet

from access.actors import Actor
from access.callers import Caller, identify, origin_of
from access.parsers import StrictJsonParser
from access.throttling import PrincipalThrottle
from events.models import Surface
from events.services import Origin
from tenancy.models import Instance

NUL = "must not contain NUL"


class ApiViewSet(ViewSet):
    """A view that knows its caller before anything else happens."""

    parser_classes = [StrictJsonParser]
    throttle_classes = [PrincipalThrottle]
    # OPTIONS is none of the APIs' verbs: it gets the same answer as every other wrong one.
    http_method_names = ["get", "head", "post", "put", "patch", "delete"]

    caller: Caller

    def perform_authentication(self, request: Request) -> None:
        """Find instance and actor. An unknown instance is said first, then bad credentials."""
        self.caller = identify(request)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse parameters that no database could be asked about, before any is read."""
        super().initial(request, *args, **kwargs)
        if faults := {name: NUL for name, text in request.query_params.items() if "\0" in text}:
            raise ValidationError(faults)

    @property
    def instance(self) -> Instance:
        """The instance that the host or the credentials mean."""
        return self.caller.instance

    @property
    def actor(self) -> Actor:
        """Who asks."""
        return self.caller.actor

    @property
    def revision(self) -> int:
        """The revision that this request is answered at."""
        return self.caller.revision

    @cached_property
    def origin(self) -> Origin:
        """How the history records what this request changes."""
        return origin_of(self.request._request, self.actor, Surface.API)

    def body(self) -> dict[str, Any]:
        """Return the request's JSON object. ParseError or BodyTooLarge."""
        return cast("dict[str, Any]", self.request.data)
