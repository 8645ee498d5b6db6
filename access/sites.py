"""The admin site: who is signed in, as an actor, and the pages that are no model's."""

from collections.abc import Callable
from typing import Any, cast

from django.contrib.admin import AdminSite
from django.http import HttpRequest
from django.urls import URLPattern, path

from access.actors import Actor, actor_for
from events.models import Surface
from events.services import Origin
from tenancy.models import User

STOCK_PAGES_LEFT_OUT = {
    "view_on_site",  # tells existing objects from others
}


def actor_of(request: HttpRequest) -> Actor:
    """Return who is signed in, as the policy knows them; one query a request reads the roles."""
    actor = getattr(request, "actor", None)
    if actor is None:
        actor = actor_for(cast("User", request.user))
        request.actor = actor  # type: ignore[attr-defined]
    return cast("Actor", actor)


def origin_of(request: HttpRequest, reason: str = "", **more: Any) -> Origin:
    """Return how the history records what this request changes."""
    return Origin(
        surface=Surface.ADMIN,
        reason=reason,
        request_id=getattr(request, "request_id", ""),
        address=request.META.get("REMOTE_ADDR", ""),
        on_behalf_of=actor_of(request).impersonator,
        **more,
    )


class StrataSite(AdminSite):
    """Django's admin site, with pages beside those of the models."""

    site_title = site_header = "Strata"
    site_url = None
    enable_nav_sidebar = False

    def __init__(self, name: str = "admin") -> None:
        super().__init__(name)
        self._pages: list[URLPattern] = []

    def add_page(self, route: str, view: Callable[..., Any], name: str) -> None:
        """Serve a view, for people who are signed in, at ``admin/<route>``."""
        self._pages.append(path(route, self.admin_view(view), name=name))

    def get_urls(self) -> list[Any]:
        """Return the stock addresses that we serve, after our own pages."""
        stock = [
            pattern
            for pattern in super().get_urls()
            if getattr(pattern, "name", "") not in STOCK_PAGES_LEFT_OUT
        ]
        return [*self._pages, *stock]
