"""Who is asked, and how: hosts that are nobody's and plain HTTP are refused."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

from access.callers import PlainHttp, UnknownHost, host_of, revision_of
from clients.envelope import refuse
from config.errors import is_api_path, respond
from rpc.urls import METHOD_PREFIXES
from tenancy.hosts import is_accepted_host


class RefuseUnknownHosts:
    """Answer 404 for a host that is nobody's, in JSON: nobody means a page of ours there.

    The APIs' own views do the same for their paths: there, who asks can decide which instance is
    meant, and one query reads both. A host that is not even one is refused here for all.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        is_api = is_api_path(request.path)
        try:
            host = host_of(request)
        except UnknownHost as error:
            return respond(error)
        if not is_api and not is_accepted_host(host, revision_of(request)):
            return respond(UnknownHost(host))
        return self.get_response(request)


class RefusePlainHttp:
    """Where HTTPS is asked for, refuse the APIs without it; pages are redirected by Django.

    A redirected PUT would arrive as a GET, and its token has crossed the network in the open.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if is_api_path(request.path) and not request.path.startswith(METHOD_PREFIXES):
            try:
                require_https(request)
            except PlainHttp as error:
                return respond(error)
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *view: Any) -> HttpResponseBase | None:
        """Refuse the endpoints of `/clients/` in their envelope; no other path there exists."""
        if request.path.startswith("/clients/"):
            try:
                require_https(request)
            except PlainHttp as error:
                return refuse(request, error)
        return None


def require_https(request: HttpRequest) -> None:
    """Raise PlainHttp for a request without TLS where the settings ask for it."""
    if settings.SECURE_SSL_REDIRECT and not request.is_secure():
        raise PlainHttp
