from typing import Any

from django.urls import URLPattern, re_path

from features.views import FeatureSettingsViewSet, InstanceFeatureViewSet
from tenancy.levels import Level

VERBS: dict[str, Any] = {"get": "retrieve", "put": "update", "delete": "destroy"}


def _settings_of(level: Level, pattern: str) -> URLPattern:
    view = FeatureSettingsViewSet.as_view(VERBS, level=level)
    return re_path(rf"(?s)^v2(?:beta)?/features/{pattern}\Z", view)


# Ids may hold any character but control ones, slashes included: the view checks them.
urlpatterns = [
    _settings_of(Level.SYSTEM, "system"),
    _settings_of(Level.INSTANCE, "instance"),
    _settings_of(Level.ORGANIZATION, "organization/(?P<public_id>.*)"),
    _settings_of(Level.USER, "user/(?P<public_id>.*)"),
    re_path(
        r"(?s)^(?:system/v1/)?instances/(?P<instance_id>.*)/features/(?P<feature_id>[^/]*)\Z",
        InstanceFeatureViewSet.as_view({"put": "update"}),
    ),
]
