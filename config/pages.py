"""Every page leaves with the headers that the security settings of its instance ask for."""

from collections.abc import Callable

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponseBase
from django.middleware.security import SecurityMiddleware

from access.callers import UnknownHost, host_of, revision_of
from security.headers import page_headers, same_site
from security.services import settings_at
from security.settings import SecuritySettings
from tenancy.hosts import find_instance


class ProtectPages:
    """Add the headers to each page and set how far its cookies go.

    It stands before whatever may answer with a page of its own, so that refusals and error pages
    are protected as well. Without an instance, or without a database to ask, pages get the headers
    of the strictest settings.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self.stock = SecurityMiddleware(get_response)

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        is_page = response.headers.get("Content-Type", "").startswith("text/html")
        if is_page or response.cookies:
            settings = find_settings(request, has_failed=response.status_code >= 500)
            limit_cookies(request, response, settings)
            if is_page:
                protect(request, response, settings, self.stock)
        return response


def find_settings(request: HttpRequest, *, has_failed: bool) -> SecuritySettings:
    """Return the settings of the instance that the host means, at the revision already read.

    A request that failed before it had a revision is not worth another wait for the database.
    """
    if has_failed and not hasattr(request, "revision"):
        return SecuritySettings()
    try:
        revision = revision_of(request)
        instance = find_instance(host_of(request), revision)
        return settings_at(instance, revision) if instance else SecuritySettings()
    except (UnknownHost, DatabaseError):
        return SecuritySettings()


def protect(
    request: HttpRequest,
    response: HttpResponseBase,
    settings: SecuritySettings,
    stock: SecurityMiddleware,
) -> None:
    """Set the headers; Django's own come from its settings, and here for early answers, too."""
    stock.process_response(request, response)  # type: ignore[arg-type]
    for name, value in page_headers(settings).items():
        response.headers[name] = value


def limit_cookies(
    request: HttpRequest, response: HttpResponseBase, settings: SecuritySettings
) -> None:
    """Let cookies go into the frames of foreign pages only where the settings allow frames.

    One that is set in a frame is kept for frames of that page's site alone: browsers that refuse
    every other cookie of a frame take it, so that people can sign in there.
    """
    limit = same_site(settings, over_https=request.is_secure())
    is_framed = request.headers.get("Sec-Fetch-Dest") == "iframe"
    for cookie in response.cookies.values():
        # The standard library has no name yet for the attribute Partitioned.
        cookie["samesite"] = "None; Partitioned" if limit == "None" and is_framed else limit
        if limit == "None":
            cookie["secure"] = True
