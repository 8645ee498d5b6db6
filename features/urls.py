from typing import Any

from django.urls import URLPattern, re_path

from features.views import FeatureSettingsViewSet, InstanceFeatureViewSet
from tenancy.levels import Level

VERBS: dict[str, Any] = {"get": "retrieve", "put": "update", "delete": "destroy"}


def _settings_of(level: Level, pattern: str) -> URLPattern:
    view = FeatureSettingsViewSet.as_view(VERBS, level=level)
    return re_path(rf"^v2(?:beta)?/features/{pattern}\Z", view)


# Ids may hold any character but control ones, slashes included: the view checks them.
urlpatterns = [
    _settings_of(Level.SYSTEM, "system"),
    _settings_of(Level.INSTANCE, "instance"),
    _settings_of(Level.ORGANIZATION, r"organization/(?P<public_id>[\s\S]*)"),
    _settings_of(Level.USER, r"user/(?P<public_id>[\s\S]*)"),
    re_path(
        r"^(?:system/v1/)?instances/(?P<instance_id>[\s\S]*)/features/(?P<feature_id>[^/]*)\Z",
        InstanceFeatureViewSet.as_view({"put": "update"}),
    ),
]
