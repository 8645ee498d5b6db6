"""The call that is being answered: the request that it came in, and who makes it."""

from collections.abc import Callable
from contextvars import ContextVar
from functools import cached_property
from typing import IO, Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework.settings import api_settings

from access.callers import Caller, identify, origin_of
from access.throttling import require_turn
from clients.refusals import note_denied
from events.models import Surface
from events.services import Origin
from features.serializers import parse_if_match
from features.services import IfMatch

NATIVE_GRPC = "application/grpc"

Guard = Callable[[HttpRequest], None]


class Call:
    """One call of a method, over whichever transport."""

    def __init__(self, request: HttpRequest, body: "CappedInput", guard: Guard) -> None:
        self.http_request = request
        self.body = body
        self.guard = guard
        self.grpc_status = 0  # what the call ends with, whichever transport tells it

    @cached_property
    def request(self) -> Request:
        """The request with the authenticators that REST has."""
        classes: Any = api_settings.DEFAULT_AUTHENTICATION_CLASSES
        return Request(self.http_request, authenticators=[each() for each in classes])

    @cached_property
    def caller(self) -> Caller:
        """Who calls and at which instance, found as for REST, with the same errors and limits."""
        self.guard(self.http_request)
        caller = identify(self.request)
        require_turn(caller)
        return caller

    @cached_property
    def origin(self) -> Origin:
        """How the history records what this call changes."""
        return origin_of(self.http_request, self.caller.actor, Surface.RPC)

    @property
    def if_match(self) -> IfMatch | None:
        """The condition in the metadata `if-match`, which REST has as a header."""
        return parse_if_match(self.http_request.headers.get("If-Match"))

    @property
    def is_native_grpc(self) -> bool:
        """Whether this is gRPC itself, neither gRPC-Web nor Connect."""
        content_type = self.http_request.headers.get("Content-Type", "")
        return content_type == NATIVE_GRPC or content_type.startswith(f"{NATIVE_GRPC}+")

    def note(self, error: Exception) -> None:
        """Remember why an API client was denied, for its administrators."""
        if isinstance(error, PermissionDenied):
            note_denied(self.request.user, error, self.http_request)


class CappedInput:
    """A request's body up to so many bytes, so that nobody can send without end."""

    def __init__(self, stream: IO[bytes], limit: int) -> None:
        self.stream = stream
        self.remaining = limit

    def read(self, size: int = -1) -> bytes:
        """Read on, to the end of what counts."""
        wanted = self.remaining if size < 0 else min(size, self.remaining)
        data = self.stream.read(wanted) if wanted else b""
        self.remaining -= len(data)
        return data

    def close(self) -> None:
        """Read no more, and do not wait for what the client would still send."""
        self.remaining = 0


current: ContextVar[Call] = ContextVar("current")
