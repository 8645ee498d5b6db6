"""The admin of API clients: the list here, their pages in admin_views."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from access import places
from access.actors import Actor
from access.policy import NOTHING, MissingPermission, allows, covered
from access.policy_admin import PolicyAdmin
from access.sites import Tab, actor_of, strata_site
from access.templatetags.strata import moment
from clients import admin_views, token_views
from clients.models import ApiClient
from tenancy.levels import Level


@admin.register(ApiClient)
class ApiClientAdmin(PolicyAdmin):
    """Programs that sign in, what each may do and when it last did."""

    list_display = ("title", "held", "instance", "state", "used")
    list_display_links = None
    list_select_related = ("instance",)
    list_filter = ("disabled",)
    search_fields = ("description", "client_id")
    ordering = ("-id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiClient]:
        return super().get_queryset(request).prefetch_related("features")

    def scope(self, actor: Actor) -> Q:
        return covered(actor, admin_views.READ, {Level.INSTANCE: "instance"})

    def shows(self, actor: Actor, obj: Any) -> bool:
        return allows(actor, admin_views.READ, obj.instance)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Whether the actor may make clients anywhere."""
        paths = {Level.INSTANCE: "instance"}
        return covered(actor_of(request), admin_views.WRITE, paths) != NOTHING

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show our own page."""

        if not self.has_add_permission(request):
            raise MissingPermission(admin_views.WRITE)
        return admin_views.add_client(request)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show our own page."""
        return admin_views.client_page(request, self.get_object(request, object_id))

    @admin.display(description=gettext_lazy("description"), ordering="description")
    def title(self, client: ApiClient) -> SafeString:
        return format_html(
            '<a href="{}">{}</a> <span class="faint id">{}…</span>',
            reverse("admin:clients_apiclient_change", args=[client.pk]),
            client,
            client.client_id[:8],
        )

    @admin.display(description=gettext_lazy("client features"))
    def held(self, client: ApiClient) -> SafeString:
        names = [(name,) for name in client.feature_names]
        return format_html_join(" ", '<span class="badge">{}</span>', names) or format_html(
            '<span class="faint">{}</span>', _("none: it may do nothing")
        )

    @admin.display(description=gettext_lazy("state"))
    def state(self, client: ApiClient) -> SafeString:
        if client.is_usable(timezone.now()):
            return format_html('<span class="value on">{}</span>', _("active"))
        text = _("disabled") if client.disabled else _("expired")
        return format_html('<span class="badge disabled">{}</span>', text)

    @admin.display(description=gettext_lazy("last used"), ordering="last_used_at")
    def used(self, client: ApiClient) -> SafeString:
        return moment(client.last_used_at)


_site = strata_site()
_site.add_page("owner/<str:level>/<int:key>/tokens/", token_views.owner_tokens, "owner_tokens")
_site.tabs.append(Tab("tokens", gettext_lazy("Access tokens"), Level.USER, token_views.is_shown))
_site.searches[gettext_lazy("API clients")] = admin_views.search_clients
_site.cards.append(admin_views.clients_card)
_site.attentions.append(admin_views.clients_about_to_expire)
places.register("client", admin_views.find_client_pages)
