"""The admin of API clients."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from access.actors import Actor
from access.admin import PolicyAdmin
from access.permissions import Action, Permission, Resource
from access.policy import allows, covered
from clients.models import ApiClient
from tenancy.levels import Level

READ_CLIENTS = Permission(Resource.CLIENTS, Action.READ)


@admin.register(ApiClient)
class ApiClientAdmin(PolicyAdmin):
    """Programs that sign in, what each may do and when it last did."""

    list_display = ("description", "client_id", "feature_names", "instance", "last_used_at")
    list_select_related = ("instance",)
    list_filter = ("disabled",)
    search_fields = ("description", "client_id")
    fields = readonly_fields = (
        *("description", "client_id", "instance", "feature_names", "network_names"),
        *("disabled", "expires_at", "created_at", "last_used_at"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiClient]:
        return super().get_queryset(request).prefetch_related("features")

    def scope(self, actor: Actor) -> Q:
        return covered(actor, READ_CLIENTS, {Level.INSTANCE: "instance"})

    def shows(self, actor: Actor, obj: Any) -> bool:
        return allows(actor, READ_CLIENTS, obj.instance)

    @admin.display(description=_("client features"))
    def feature_names(self, client: ApiClient) -> str:
        return ", ".join(feature.name for feature in client.features.all())

    @admin.display(description=_("networks"))
    def network_names(self, client: ApiClient) -> str:
        return ", ".join(client.networks)
