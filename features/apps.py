from django.apps import AppConfig
from django.apps.registry import Apps
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _

from tenancy.migrated import is_ready


class FeaturesConfig(AppConfig):
    name = "features"
    verbose_name = _("Features")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Have the catalogue synchronised after every migrate, and tenants reset before they go.

        And say how changes of features are taken back.
        """
        from access.tenants import before_deletion
        from access.undoing import register
        from features.services import empty_owner
        from features.undoing import WAYS

        register(WAYS)
        before_deletion.append(empty_owner)
        post_migrate.connect(_synchronise, sender=self)


def _synchronise(using: str, apps: Apps | None = None, **_kwargs: object) -> None:
    from features.definitions import synchronise_builtins
    from features.models import Feature
    from tenancy.models import Revision

    if is_ready(using, apps, Feature, Revision):
        synchronise_builtins()
