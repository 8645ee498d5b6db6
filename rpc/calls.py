"""The call that is being answered: the request that it came in, who makes it, and its time."""

from contextvars import ContextVar
from functools import cached_property
from typing import Any

from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework.settings import api_settings

from access.callers import Caller, identify, origin_of
from events.models import Surface
from events.services import Origin
from features.serializers import parse_if_match
from features.services import IfMatch


class Call:
    """One call of a method, over whichever transport."""

    def __init__(self, request: HttpRequest) -> None:
        self.request = request

    @cached_property
    def caller(self) -> Caller:
        """Who calls and at which instance, found as for REST and with the same errors."""
        classes: Any = api_settings.DEFAULT_AUTHENTICATION_CLASSES
        return identify(Request(self.request, authenticators=[each() for each in classes]))

    @cached_property
    def origin(self) -> Origin:
        """How the history records what this call changes."""
        return origin_of(self.request, self.caller.actor, Surface.RPC)

    @property
    def if_match(self) -> IfMatch | None:
        """The condition in the metadata `if-match`, which REST has as a header."""
        return parse_if_match(self.request.headers.get("If-Match"))


current: ContextVar[Call] = ContextVar("current")
