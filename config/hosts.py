"""Pages answer only under the hosts that the settings or an instance's domains name."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

from access.callers import UnknownHost, host_of
from config.errors import is_api_path, not_found, respond
from tenancy.hosts import is_accepted_host
from tenancy.revision import current_revision


class RefuseUnknownHosts:
    """Answer 404 for a host that is nobody's. The APIs' own views do the same for their paths.

    They do it there because who asks can decide which instance is meant, and one query then reads
    both; a host that is not even one is refused here for all.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        is_api = is_api_path(request.path)
        try:
            host = host_of(request)
        except UnknownHost as error:
            return respond(error) if is_api else not_found(request, error)
        if not is_api and not is_accepted_host(host, current_revision()):
            return not_found(request, UnknownHost(host))
        return self.get_response(request)
