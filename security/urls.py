from django.urls import path, re_path

from security.exchange import exchange_token, introspect_token
from security.pages import begin_impersonation, impersonation_page, leave_impersonation
from security.views import SecuritySettingsViewSet, oauth_endpoint

urlpatterns = [
    re_path(
        r"^v2(?:beta)?/(?:settings|policies)/security\Z",
        SecuritySettingsViewSet.as_view(
            {"get": "retrieve", "put": "update", "patch": "partial_update"}
        ),
    ),
    re_path(r"^oauth/v2/token\Z", oauth_endpoint(exchange_token)),
    re_path(r"^oauth/v2/introspect\Z", oauth_endpoint(introspect_token)),
    path("impersonation/", impersonation_page, name="impersonation"),
    path("impersonation/start/<int:key>/", begin_impersonation, name="impersonation_start"),
    path("impersonation/end/", leave_impersonation, name="impersonation_end"),
]
