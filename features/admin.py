"""The admin of features and of what is set for them."""

from typing import Any

from django.contrib import admin
from django.db.models import Q

from access.actors import Actor
from access.admin import PolicyAdmin
from access.policy import EVERYTHING, may_see, visible
from features.models import OVERRIDES, Feature


@admin.register(Feature)
class FeatureAdmin(PolicyAdmin):
    """Definitions. They belong to nobody, so everybody who is signed in sees them."""

    list_display = ("name", "key", "kind", "stage", "enabled", "builtin")
    list_filter = ("stage", "kind", "enabled", "builtin")
    search_fields = ("key", "name", "description")
    fields = readonly_fields = (
        *("key", "name", "description", "kind", "options", "default", "levels", "stage"),
        *("enabled", "builtin", "expires_on", "archived_at", "created_at"),
    )

    def scope(self, actor: Actor) -> Q:
        return EVERYTHING

    def shows(self, actor: Actor, obj: Any) -> bool:
        return True


class OverrideAdmin(PolicyAdmin):
    """What the owners of one level set."""

    list_display = ("owner", "feature", "value", "locked", "changed_at")
    list_select_related = ("owner", "feature")
    list_filter = ("locked",)
    search_fields = ("feature__key", "feature__name")
    fields = readonly_fields = list_display
    ordering = ("-id",)

    def scope(self, actor: Actor) -> Q:
        return visible(actor, self.model.level, "owner__")

    def shows(self, actor: Actor, obj: Any) -> bool:
        return may_see(actor, obj.owner)


for model in OVERRIDES.values():
    admin.site.register(model, OverrideAdmin)
