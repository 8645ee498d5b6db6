from django.urls import re_path

from security.views import SecuritySettingsViewSet

urlpatterns = [
    re_path(
        r"^v2(?:beta)?/(?:settings|policies)/security\Z",
        SecuritySettingsViewSet.as_view(
            {"get": "retrieve", "put": "update", "patch": "partial_update"}
        ),
    ),
]
