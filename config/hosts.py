"""Pages answer only under the hosts that the settings or an instance's domains name."""

from collections.abc import Callable

from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponseBase

from access.views import UnknownHost
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
            host = request.get_host()
        except DisallowedHost:
            host = request.META.get("HTTP_HOST", "")[:300]
            error = UnknownHost(host)
            return respond(error) if is_api else not_found(request, error)
        if not is_api and not is_accepted_host(host, current_revision()):
            return not_found(request, UnknownHost(host))
        return self.get_response(request)
