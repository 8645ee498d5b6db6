"""The admin of features and of what is set for them."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from access import places
from access.actors import Actor
from access.policy import EVERYTHING, allows
from access.policy_admin import PolicyAdmin
from access.sites import StrataSite, actor_of, strata_site
from features.admin_views import (
    bulk,
    definition,
    explain,
    finding,
    grid,
    history,
    overriding,
    overview,
    resetting,
    undoing,
)
from features.catalogue import keys_that_speak_of
from features.models import Feature
from tenancy.models import System


@admin.register(Feature)
class FeatureAdmin(PolicyAdmin):
    """Definitions. They belong to nobody, so everybody who is signed in sees them."""

    list_display = ("title", "kind", "stage", "state")
    list_filter = ("stage", "kind", "enabled", "builtin")
    search_fields = ("key", "name", "description")

    list_display_links = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return allows(actor_of(request), definition.WRITE_DEFINITIONS, System())

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show our own page."""
        return definition.define(request)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show the feature's own page."""
        return definition.feature_page(request, self.get_object(request, object_id))

    @admin.display(description=_("name"), ordering="name")
    def title(self, feature: Feature) -> str:
        address = reverse("admin:features_feature_change", args=[feature.pk])
        return format_html(
            '<a href="{}">{}</a> <code class="faint">{}</code>',
            address,
            feature.shown_name,
            feature.key,
        )

    @admin.display(description=_("state"))
    def state(self, feature: Feature) -> SafeString:
        if feature.archived_at:
            return format_html('<span class="badge disabled">{}</span>', gettext("archived"))
        if not feature.enabled:
            return format_html('<span class="badge disabled">{}</span>', gettext("disabled"))
        return format_html('<span class="value on">{}</span>', gettext("enabled"))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find the built-in ones by what the reader's language calls them, too."""
        found, is_doubled = super().get_search_results(request, queryset, search_term)
        if text := search_term.strip():
            found |= queryset.filter(key__in=keys_that_speak_of(text))
        return found, is_doubled

    def scope(self, actor: Actor) -> Q:
        return EVERYTHING

    def shows(self, actor: Actor, obj: Any) -> bool:
        return True


def add_pages(site: StrataSite) -> None:
    """Add the pages of features to the admin."""
    owner = "owner/<str:level>/<int:key>/"
    site.add_page("", overview.overview, "index")
    site.add_page("search/", finding.search, "search", takes=["q"])
    site.add_page("suggest/", finding.suggest, "suggest")
    site.add_page("explain/", explain.pick, "explain_pick", takes=["owner", "feature"])
    site.add_page(f"{owner}explain/<int:feature>/", explain.explain, "explain")
    site.add_page(f"{owner}features/", grid.owner_features, "owner_features", grid.TAKES)
    site.add_page(f"{owner}reset/", resetting.owner_reset, "owner_reset")
    site.add_page(f"{owner}history/", history.owner_history, "owner_history", history.TAKES)
    site.add_page("system/", grid.system_features, "system_features")
    site.add_page("history/", history.history, "history", history.TAKES)
    site.add_page("history/run/<uuid:run>/", history.run_history, "run_history", history.TAKES)
    site.add_page("history/run/<uuid:run>/undo/", undoing.undo_run, "undo_run")
    site.add_page("history/<int:key>/undo/", undoing.undo_event, "undo_event")
    site.add_page("overrides/", overriding.overrides, "overrides", overriding.TAKES)
    feature = "features/feature/<int:key>/"
    site.add_page(f"{feature}edit/", definition.edit, "feature_edit")
    site.add_page(f"{feature}switch/", definition.switch, "feature_switch")
    site.add_page("overrides/change/", bulk.bulk_overrides, "bulk_overrides")
    site.searches |= {
        _("Features"): finding.search_features,
        _("Instances"): finding.search_instances,
        _("Organizations"): finding.search_organizations,
        _("Users"): finding.search_users,
        _("History"): finding.search_history,
    }
    places.register("definition", finding.find_feature_pages)
    site.cards += [overview.tenants_card, overview.features_card]
    site.attentions += [overview.features_needing_attention, overview.failed_sign_ins]


add_pages(strata_site())
