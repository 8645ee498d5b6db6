import re

from django.contrib import admin
from django.urls import include, path, re_path
from django.views.generic import RedirectView
from django.views.i18n import set_language

from config.errors import API_PREFIXES, answer_unknown_path, describe
from config.health import find_obstacle
from config.hosts import require_https
from rpc.urls import make_urls

urlpatterns = [
    path("", RedirectView.as_view(url="/admin/")),
    path("admin", RedirectView.as_view(url="/admin/")),
    path("admin/language/", set_language, name="set_language"),
    path("admin/", admin.site.urls),
    # Before those that have no prefix in common, each of which would be tried.
    path("api/v1/", include("api.urls")),
    path("api/", include("api.documentation_urls")),
    path("", include("features.urls")),
    path("", include("security.urls")),
    path("", include("clients.urls")),
    *make_urls(describe, find_obstacle, require_https),
    # Last. While debugging, Django would answer with a page of its own.
    *(re_path(f"^{re.escape(prefix[1:])}", answer_unknown_path) for prefix in API_PREFIXES),
]

handler400 = "config.errors.bad_request"
handler404 = "config.errors.not_found"
handler500 = "config.errors.server_error"
