from django.apps import AppConfig
from django.db.models import CharField
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class TenancyConfig(AppConfig):
    name = "tenancy"
    verbose_name = _("Tenants")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Make the lookups known; have the two rows that always exist put there by migrate."""
        from tenancy.lookups import Prefix

        CharField.register_lookup(Prefix)
        post_migrate.connect(_create_fixed_rows, sender=self)


def _create_fixed_rows(using: str, **_kwargs: object) -> None:
    from tenancy.models import System
    from tenancy.revision import Revision

    System.objects.using(using).get_or_create(pk=1)
    Revision.objects.using(using).get_or_create(pk=1)
