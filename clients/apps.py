from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ClientsConfig(AppConfig):
    name = "clients"
    verbose_name = _("API clients")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Say how changes of API clients are taken back."""
        from access.undoing import register
        from clients.undoing import WAYS

        register(WAYS)
