from django.urls import path

from access.permissions import Action
from clients import views
from clients.views import endpoint

urlpatterns = [
    path(
        "clients/set_features",
        endpoint(views.set_features_endpoint, Action.WRITE, "features"),
    ),
    path("clients/add", endpoint(views.add_endpoint, Action.WRITE, "description")),
    path("clients/list", endpoint(views.list_endpoint, Action.READ, methods=("GET", "POST"))),
    path(
        "clients/set_description",
        endpoint(views.set_description_endpoint, Action.WRITE, "description"),
    ),
    path(
        "clients/set_whitelist", endpoint(views.set_whitelist_endpoint, Action.WRITE, "whitelist")
    ),
    path("clients/clear_whitelist", endpoint(views.clear_whitelist_endpoint, Action.WRITE)),
    path(
        "clients/reset_secret",
        endpoint(views.reset_secret_endpoint, Action.WRITE, "for_client_id"),
    ),
    path(
        "clients/delete",
        endpoint(
            views.delete_endpoint,
            Action.DELETE,
            "client_id_for_deletion",
            target="client_id_for_deletion",
        ),
    ),
]
