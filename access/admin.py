"""The admin of tenants and of who may: lists, and pages that lead to services."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.auth.models import Group
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from access import admin_views, passwords
from access.actors import Actor
from access.models import AccessToken, Membership
from access.permissions import Action, Permission, Resource
from access.policy import (
    NOTHING,
    MissingPermission,
    allows,
    covered,
    is_operator,
    may_see,
    visible,
)
from access.policy_admin import PolicyAdmin
from access.services import revoke_token
from access.sites import actor_of, origin_of, strata_site
from access.templatetags.strata import level_badge, moment, yes
from tenancy.levels import Level
from tenancy.models import Instance, Organization, Owner, System, User

admin.site.unregister(Group)  # the policy has no groups


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
        """Return where the roles lie that the actor can see at all: what begins in an index.

        Operators of the system see every instance, and so the roles on it of all whom they see.
        """
        if is_operator(actor):
            return Q()
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
