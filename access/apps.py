from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccessConfig(AppConfig):
    name = "access"
    verbose_name = _("Access")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Say how changes of roles and tenants are taken back."""
        from access.undoers import WAYS
        from access.undoing import register

        register(WAYS)
