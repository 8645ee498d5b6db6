from django.apps import AppConfig
from django.apps.registry import Apps
from django.db.models import CharField
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _

from tenancy.migrated import is_ready


class TenancyConfig(AppConfig):
    name = "tenancy"
    verbose_name = _("Tenants")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Make the lookups known; have the two rows that always exist put there by migrate."""
        from tenancy.lookups import Prefix

        CharField.register_lookup(Prefix)
        post_migrate.connect(_create_fixed_rows, sender=self)


def _create_fixed_rows(using: str, apps: Apps | None = None, **_kwargs: object) -> None:
    from tenancy.models import Revision, System

    if not is_ready(using, apps, System, Revision):
        return
    System.objects.using(using).get_or_create(pk=1)
    Revision.objects.using(using).get_or_create(pk=1)
