"""The admin of tenants and of who may, and what every list of the admin shares.

The stock admin saves models directly. Ours never does: what a page changes goes through a service,
and everything else is read-only.
"""

from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, cast

from django.contrib import admin, messages
from django.contrib.admin.views.main import ERROR_FLAG, ORDER_VAR, PAGE_VAR, SEARCH_VAR
from django.contrib.auth.models import Group
from django.core.paginator import Paginator
from django.db.models import Model, Q, QuerySet
from django.forms import Media
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from access import admin_views, passwords
from access.actors import Actor
from access.filters import usable_query
from access.models import AccessToken, Membership
from access.permissions import Action, Permission, Resource
from access.policy import NOTHING, MissingPermission, allows, covered, may_see, visible
from access.services import revoke_token
from access.sites import actor_of, origin_of, strata_site
from access.templatetags.strata import level_badge, moment, yes
from tenancy.levels import Level
from tenancy.models import Instance, Organization, Owner, System, User

if TYPE_CHECKING:
    StockAdmin = admin.ModelAdmin[Any]
else:
    StockAdmin = admin.ModelAdmin

ROWS_COUNTED = 1000


admin.site.unregister(Group)  # the policy has no groups


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """Pages of the first thousand rows. Whoever wants others searches: nobody leafs that far.

    It never counts further, so that a list opens as fast with a million rows.
    """

    @cached_property
    def count(self) -> int:
        """The number of rows, 1,000 at most."""
        rows = cast("QuerySet[Any]", self.object_list)
        return rows[:ROWS_COUNTED].count()


class PolicyAdmin(StockAdmin):
    """A read-only model admin that shows what the policy shows, and 404 for everything else.

    Subclasses say `scope`, the filter of the rows that an actor sees, and `shows`, the same for one
    object. One that changes something says so in `has_add_permission` or `has_change_permission`
    and calls a service in `save_model`.
    """

    actions = None
    list_per_page = 50
    list_max_show_all = 0
    show_full_result_count = False
    paginator = BoundedPaginator
    view_on_site = False

    def scope(self, actor: Actor) -> Q:
        """Return the filter of the rows that the actor sees."""
        raise NotImplementedError

    def shows(self, actor: Actor, obj: Any) -> bool:
        """Whether the actor sees the object."""
        raise NotImplementedError

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).filter(self.scope(actor_of(request)))

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Show the list, and say what of its address does not fit; Django itself says nothing."""
        request.GET = usable_query(request, self._parameters(request))  # type: ignore[assignment]
        if ERROR_FLAG in request.GET:
            text = gettext("A part of that address does not fit the list: all of it is shown.")
            messages.warning(request, text)
        return super().changelist_view(request, extra_context)

    def _parameters(self, request: HttpRequest) -> list[str]:
        names = [str(name) for name in self.get_list_filter(request)]
        lookups = ("", "__exact", "__in", "__isnull")
        filters = [f"{name}{lookup}" for name in names for lookup in lookups]
        return [SEARCH_VAR, PAGE_VAR, ORDER_VAR, ERROR_FLAG, *filters]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find by how folded columns begin, by exact ids, and by words in the few others.

        One query for each column finds the keys, as each has an index; a query with all of them
        would read the whole table.
        """
        text = search_term.strip()
        if not text:
            return queryset, False
        keys: set[int] = set()
        for name in self.get_search_fields(request):
            condition = self._matches(name, text)
            found = queryset.filter(condition).order_by().values_list("pk", flat=True)
            keys.update(found[:ROWS_COUNTED])
        return queryset.filter(pk__in=sorted(keys)[:ROWS_COUNTED]), False

    @staticmethod
    def _matches(name: str, text: str) -> Q:
        if name.rpartition("__")[2].startswith("folded_"):
            return Q(**{f"{name}__prefix": text.lower()})
        if name.endswith(("_id", "domain", "prefix")):
            return Q(**{f"{name}__iexact": text}) if name.endswith("domain") else Q(**{name: text})
        return Q(**{f"{name}__icontains": text})

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        """Return the object; 404 for one that the actor does not see, as for none."""
        obj = super().get_object(request, object_id, from_field)
        if obj is None:
            raise Http404
        return obj

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Whether the actor could see any row at all, so that the navigation names the list."""
        return self.scope(actor_of(request)) != NOTHING

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return obj is None or self.shows(actor_of(request), obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        """Show nothing: the history is in the events, not in Django's log."""
        raise Http404

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        raise NotImplementedError("the admin writes through services")

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Save nothing: the service has written all of it."""

    def delete_model(self, request: HttpRequest, obj: Any) -> NoReturn:
        raise NotImplementedError("the admin writes through services")

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> NoReturn:
        raise NotImplementedError("the admin writes through services")

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Log nothing: the service has recorded it."""

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Log nothing: the service has recorded it."""

    @property
    def media(self) -> Media:
        """No script of the stock admin's."""
        return Media()


class OwnerAdmin(PolicyAdmin):
    """The owners of one level."""

    level: ClassVar[Level]
    list_display_links = None

    @admin.display(description=_("name"), ordering="name")
    def title(self, owner: Owner) -> str:
        """The name, which leads to the features."""
        address = reverse("admin:owner_features", args=[owner.level.label, owner.pk])
        return format_html('<a href="{}">{}</a>', address, owner)

    @admin.display(description=_("active"), boolean=False, ordering="is_active")
    def active(self, user: User) -> SafeString:
        return yes(user.is_active)

    @admin.display(description=_("created"), ordering="created_at")
    def created(self, owner: Any) -> SafeString:
        return moment(owner.created_at)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return admin_views.may_add(actor_of(request), self.level)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show our own page."""
        return admin_views.add_tenant(request, self.level)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show our own page."""
        return admin_views.tenant_page(request, self.get_object(request, object_id))

    def scope(self, actor: Actor) -> Q:
        return visible(actor, self.level)

    def shows(self, actor: Actor, obj: Owner) -> bool:
        return may_see(actor, obj)


@admin.register(System)
class SystemAdmin(OwnerAdmin):
    level = Level.SYSTEM

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show nothing: there is one system."""
        raise Http404

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Lead to its features, all that there is to it."""
        self.get_object(request, object_id)
        return redirect("admin:owner_features", Level.SYSTEM.label, 1)


@admin.register(Instance)
class InstanceAdmin(OwnerAdmin):
    level = Level.INSTANCE
    list_display = ("title", "public_id", "domain_names", "created")
    search_fields = ("folded_name", "public_id", "domains__domain")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Instance]:
        return super().get_queryset(request).prefetch_related("domains")

    @admin.display(description=_("domains"))
    def domain_names(self, instance: Instance) -> str:
        return ", ".join(domain.domain for domain in instance.domains.all())


@admin.register(Organization)
class OrganizationAdmin(OwnerAdmin):
    level = Level.ORGANIZATION
    list_display = ("title", "public_id", "instance", "created")
    list_select_related = ("instance",)
    search_fields = ("folded_name", "public_id")
    sortable_by = ()


@admin.register(User)
class UserAdmin(OwnerAdmin):
    level = Level.USER
    list_display = ("title", "username", "email", "organization", "instance", "active")
    list_select_related = ("organization", "instance")
    # Sought by how folded columns begin and in the one order that has an index: among a million
    # users, any other filter or order would read all of them.
    search_fields = ("folded_username", "folded_name", "folded_email", "public_id")
    sortable_by = ()


@admin.register(Membership)
class MembershipAdmin(PolicyAdmin):
    """Roles that people hold. Both the person and what the role is held on must be visible."""

    list_display = ("title", "role", "on", "created")
    list_display_links = None
    list_select_related = ("user", "instance", "organization")
    list_filter = ("role",)
    search_fields = ("user__folded_username", "user__folded_name", "user__public_id")
    sortable_by = ()
    ordering = ("-id",)

    @admin.display(description=_("who"))
    def title(self, membership: Membership) -> SafeString:
        address = reverse("admin:access_membership_change", args=[membership.pk])
        return format_html('<a href="{}">{}</a>', address, membership.user)

    @admin.display(description=_("on"))
    def on(self, membership: Membership) -> SafeString:
        return level_badge(membership.owner.level, membership.owner)

    @admin.display(description=_("since"), ordering="created_at")
    def created(self, membership: Membership) -> SafeString:
        return moment(membership.created_at)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return admin_views.GRANT in actor_of(request).permissions

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show our own page."""
        if not self.has_add_permission(request):
            raise MissingPermission(admin_views.GRANT)
        return admin_views.grant(request)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show our own page."""
        return admin_views.membership_page(request, self.get_object(request, object_id))

    def scope(self, actor: Actor) -> Q:
        if visible(actor, Level.USER) == NOTHING:
            return NOTHING
        on_system = visible(actor, Level.SYSTEM)
        on_instance = visible(actor, Level.INSTANCE, "instance__")
        above = {Level.INSTANCE: "instance", Level.ORGANIZATION: "organization"}
        reading = Permission.on_features(Level.ORGANIZATION, Action.READ)
        on_organization = covered(actor, reading, above)
        held = (
            (on_system & Q(instance=None, organization=None))
            | (on_instance & Q(instance__isnull=False, organization=None))
            | (on_organization & Q(organization__isnull=False))
        )
        return visible(actor, Level.USER, "user__") & held & self._places(actor)

    def _places(self, actor: Actor) -> Q:
        """Return where the roles lie that the actor can see at all: what begins in an index."""
        found = NOTHING
        for grant in actor.grants:
            if grant.level is Level.SYSTEM:
                return Q()
            found |= Q(**{grant.level.label: grant.key})
        return found

    def shows(self, actor: Actor, obj: Membership) -> bool:
        return may_see(actor, obj.user) and may_see(actor, obj.owner)


strata_site().add_page("tenancy/user/<int:key>/password/", passwords.user_password, "user_password")


END_TOKENS = Permission(Resource.TOKENS, Action.DELETE)
READ_TOKENS = Permission(Resource.TOKENS, Action.READ)


@admin.register(AccessToken)
class AccessTokenAdmin(PolicyAdmin):
    """Bearer tokens, recognised by how they begin. Their digests are nobody's business."""

    list_display = ("title", "holder", "description", "expires", "used")
    list_display_links = None
    list_select_related = ("user", "client")
    search_fields = ("prefix", "user__folded_username", "client__client_id")
    sortable_by = ()
    fields = readonly_fields = (
        *("prefix", "holder", "description", "permissions"),
        *("created_at", "expires_at", "last_used_at"),
    )

    def scope(self, actor: Actor) -> Q:
        return covered(actor, READ_TOKENS, {Level.INSTANCE: "instance"})

    def shows(self, actor: Actor, obj: AccessToken) -> bool:
        return allows(actor, READ_TOKENS, self._instance_of(obj))

    @admin.display(description=_("begins with"))
    def title(self, token: AccessToken) -> SafeString:
        address = reverse("admin:access_accesstoken_change", args=[token.pk])
        return format_html('<a href="{}"><code>{}</code></a>', address, token)

    @admin.display(description=_("expires"), ordering="expires_at")
    def expires(self, token: AccessToken) -> SafeString:
        return moment(token.expires_at)

    @admin.display(description=_("last used"), ordering="last_used_at")
    def used(self, token: AccessToken) -> SafeString:
        return moment(token.last_used_at)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show the token, and end it when that is asked for."""
        token = self.get_object(request, object_id)
        may_end = allows(actor_of(request), END_TOKENS, self._instance_of(token))
        if request.method == "POST" and request.POST.get("do") == "end":
            if not may_end:
                raise MissingPermission(END_TOKENS)
            revoke_token(token, actor=actor_of(request), origin=origin_of(request))
            messages.success(request, gettext("The token is dead."))
            return redirect("admin:access_accesstoken_changelist")
        context = {"may_end": may_end, "read_only_reason": gettext("Tokens never change.")}
        return super().change_view(request, object_id, form_url, context)

    @admin.display(description=_("of"))
    def holder(self, token: AccessToken) -> str:
        return str(token.user or token.client)

    @staticmethod
    def _instance_of(token: AccessToken) -> Owner:
        return token.instance or System()
