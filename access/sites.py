"""The admin site: who is signed in, as an actor, and the pages that are no model's."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from functools import update_wrapper
from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.admin import AdminSite
from django.contrib.admin.forms import AdminAuthenticationForm
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect, render
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from access.actors import Actor, actor_for
from access.callers import origin_of as origin_of_call
from access.filters import usable_query
from access.typed import forget_empty, has_kept, is_of_another, pack, restore, unsent
from events.models import Surface
from events.services import Origin
from tenancy.levels import OWNED_LEVELS, Level
from tenancy.models import Owner, User

METHODS = ("GET", "HEAD", "POST")

STOCK_PAGES_LEFT_OUT = {
    "view_on_site",  # tells existing objects from others
    "app_list",  # our navigation has no apps
    "jsi18n",  # for scripts that we do not use
}


@dataclass(frozen=True)
class Found:
    """Something that a search found."""

    title: str
    detail: str
    url: str


@dataclass(frozen=True)
class Notice:
    """Something on the first page that needs attention."""

    text: str
    url: str


@dataclass(frozen=True)
class Card:
    """A card of the first page; its lines are a text, an address and what stands at the end."""

    title: str
    url: str
    icon: str
    count: str
    lines: list[tuple[str, str, str]]


@dataclass(frozen=True)
class Tab:
    """A page of an owner, beside its features and its history."""

    name: str
    label: Any  # a text, translated late
    level: Level
    is_shown: Callable[[Actor, Owner], bool]


Search = Callable[[Actor, str], list[Found]]
Attention = Callable[[Actor], Iterable[Notice]]

# What the navigation holds: a label, the name of the address, an icon, and the model whose rows
# somebody must see for it to be there ("": it always is).
NAVIGATION: tuple[tuple[Any, tuple[tuple[Any, str, str, str], ...]], ...] = (
    (
        "",
        (
            (_("Overview"), "index", "overview", ""),
            (_("Features"), "features_feature_changelist", "feature", ""),
            (_("Overrides"), "overrides", "override", ""),
            (_("Explain"), "explain_pick", "explain", ""),
            (_("History"), "history", "history", ""),
        ),
    ),
    (
        _("Tenants"),
        (
            (pgettext_lazy("level", "System"), "system_features", "system", "tenancy.System"),
            (_("Instances"), "tenancy_instance_changelist", "instance", "tenancy.Instance"),
            (
                _("Organizations"),
                "tenancy_organization_changelist",
                "organization",
                "tenancy.Organization",
            ),
            (_("Users"), "tenancy_user_changelist", "user", "tenancy.User"),
        ),
    ),
    (
        _("Access"),
        (
            (_("Roles"), "access_membership_changelist", "role", "access.Membership"),
            (_("API clients"), "clients_apiclient_changelist", "client", "clients.ApiClient"),
            (_("Access tokens"), "access_accesstoken_changelist", "token", "access.AccessToken"),
        ),
    ),
)


def actor_of(request: HttpRequest) -> Actor:
    """Return who is signed in, as the policy knows them; one query a request reads the roles."""
    actor = getattr(request, "actor", None)
    if actor is None:
        actor = actor_for(cast("User", request.user))
        request.actor = actor  # type: ignore[attr-defined]
    return cast("Actor", actor)


def origin_of(request: HttpRequest, reason: str = "", run: Any = None) -> Origin:
    """Return how the history records what this request changes."""
    origin = origin_of_call(request, actor_of(request), Surface.ADMIN)
    # No page offers NUL, and PostgreSQL does not store it.
    return replace(origin, reason=reason.replace("\0", ""), run=run)


def strata_site() -> "StrataSite":
    """Return the one admin site, as what it is."""
    return cast("StrataSite", admin.site)


class StrataSite(AdminSite):
    """Django's admin site, with pages beside those of the models.

    The apps add to it what they have: pages, searches, cards and notices of the first page,
    tabs of owners.
    """

    site_title = site_header = "Strata"
    site_url = None
    enable_nav_sidebar = False

    def __init__(self, name: str = "admin") -> None:
        super().__init__(name)
        self._pages: list[URLPattern] = []
        self.searches: dict[Any, Search] = {}
        self.attentions: list[Attention] = []
        self.cards: list[Callable[[Actor], Card | None]] = []
        self.tabs: list[Tab] = []

    def add_page(
        self, route: str, view: Callable[..., Any], name: str, takes: Collection[str] = ()
    ) -> None:
        """Serve a view, for people who are signed in, at ``admin/<route>``.

        ``takes`` are the parameters of a list: of others, and of texts that no row could hold, the
        page says that it left them out.
        """

        def with_usable_query(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            request.GET = usable_query(request, takes)  # type: ignore[assignment]
            return view(request, *args, **kwargs)

        served = update_wrapper(with_usable_query, view) if takes else view
        self._pages.append(path(route, self.admin_view(served), name=name))

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """Let nobody in who is not signed in, and keep what they typed until they are."""
        guarded = super().admin_view(view, cacheable)

        def admit(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            if request.method not in METHODS:
                return HttpResponseNotAllowed(METHODS)
            is_leaving = request.path == reverse("admin:logout")
            if is_leaving or not (request.method == "POST" or self.has_permission(request)):
                return guarded(request, *args, **kwargs)
            if request.method == "POST":
                if not self.has_permission(request):
                    return self.ask_to_sign_in(request)
                if is_of_another(request):
                    return self.refuse_foreign(request)
                return guarded(request, *args, **kwargs)
            forget_empty(request)
            response = guarded(request, *args, **kwargs)
            return self._ask_to_send(request) if has_kept(request) else response

        return update_wrapper(admit, guarded)

    def login(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Sign in, and give back what was typed when a session ended before it was saved."""
        kept = request.POST.get("kept", "")
        response = super().login(request, {**(extra_context or {}), "kept": kept})
        if kept and request.method == "POST" and self.has_permission(request):
            restore(request, kept)
        return response

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Change one's own password, with a record of it."""
        from access.passwords import OwnPassword

        context = {**self.each_context(request), **(extra_context or {})}
        return OwnPassword.as_view(extra_context=context)(request)

    def ask_to_sign_in(self, request: HttpRequest) -> TemplateResponse:
        """Show the sign-in page with what was typed in it, signed, as the session is gone."""
        return self._sign_in_page(request, request.get_full_path(), pack(request))

    def sign_in_again(self, request: HttpRequest) -> HttpResponse:
        """Answer a sign-in whose page is older than another sign-in: nothing is lost by that."""
        kept, wanted = request.POST.get("kept", ""), request.POST.get("next", "")
        if not self.has_permission(request):
            messages.warning(request, _("This page was open for too long. Please sign in again."))
            return self._sign_in_page(request, wanted, kept)
        restore(request, kept)
        is_ours = url_has_allowed_host_and_scheme(
            wanted, request.get_host(), require_https=request.is_secure()
        )
        return redirect(wanted if is_ours else "admin:index")

    def refuse_foreign(self, request: HttpRequest) -> HttpResponse:
        """Say that the form was made for somebody else; nothing of it is done or shown."""
        return render(request, "403_csrf.html", {"is_foreign": True}, status=403)

    def _sign_in_page(self, request: HttpRequest, wanted: str, kept: str) -> TemplateResponse:
        context = {
            **self.each_context(request),
            "title": _("Sign in"),
            "form": AdminAuthenticationForm(
                request, initial={"username": request.POST.get("username", "")}
            ),
            "app_path": reverse("admin:login"),
            "next": wanted,
            "kept": kept,
        }
        return TemplateResponse(request, "admin/login.html", context)

    def _ask_to_send(self, request: HttpRequest) -> TemplateResponse:
        """Ask whether to send what no form of the page has taken back, such as a button's click."""
        context = {**self.each_context(request), "title": _("Not sent yet"), **unsent(request)}
        return TemplateResponse(request, "admin/unsent.html", context)

    def tabs_of(self, actor: Actor, owner: Owner) -> list[dict[str, Any]]:
        """Return the tabs of an owner's pages that the apps added, for who may see them."""
        details: list[dict[str, Any]] = []
        if owner.level is not Level.SYSTEM:
            url = reverse(f"admin:tenancy_{owner.level.label}_change", args=[owner.pk])
            details = [{"name": "details", "label": _("Details"), "url": url}]
        return details + [
            {
                "name": tab.name,
                "label": tab.label,
                "url": reverse(f"admin:owner_{tab.name}", args=[owner.level.label, owner.pk]),
            }
            for tab in self.tabs
            if tab.level is owner.level and tab.is_shown(actor, owner)
        ]

    def get_urls(self) -> list[Any]:
        """Return the stock addresses that we serve, after our own pages."""
        stock = [
            pattern
            for pattern in super().get_urls()
            if getattr(pattern, "name", "") not in STOCK_PAGES_LEFT_OUT
        ]
        return [*self._pages, *stock]

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """Return what every page needs: the stock names, and the navigation."""
        has_permission = self.has_permission(request)
        return {
            "site_title": self.site_title,
            "site_header": self.site_header,
            "site_url": None,
            "has_permission": has_permission,
            "available_apps": [],
            "is_popup": False,
            "is_nav_sidebar_enabled": False,
            "log_entries": [],
            "navigation": self._navigation(request) if has_permission else [],
        }

    def _navigation(self, request: HttpRequest) -> list[dict[str, Any]]:
        shown = {
            model._meta.label
            for model, model_admin in self._registry.items()
            if model_admin.has_module_permission(request)
        }
        page = _listed_at(request)
        groups = []
        for label, entries in NAVIGATION:
            items = [
                {
                    "label": text,
                    "url": (url := reverse(f"admin:{name}")),
                    "icon": icon,
                    "is_current": request.path == url,
                    # Every page is below the first one, which is no section for that.
                    "is_within": name != "index" and page.startswith(url),
                }
                for text, name, icon, model in entries
                if not model or model in shown
            ]
            if items:
                groups.append({"label": label, "items": items})
        return groups


def _listed_at(request: HttpRequest) -> str:
    """Return the address by which the navigation knows a page: an owner's page by its list."""
    match = request.resolver_match
    level = match.kwargs.get("level", "") if match else ""
    names = {one.label: f"tenancy_{one.label}_changelist" for one in OWNED_LEVELS}
    names[Level.SYSTEM.label] = "system_features"
    return reverse(f"admin:{names[level]}") if level in names else request.path
