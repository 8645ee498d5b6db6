from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class FeaturesConfig(AppConfig):
    name = "features"
    verbose_name = _("Features")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Have the built-in catalogue synchronised after every migrate."""
        post_migrate.connect(_synchronise, sender=self)


def _synchronise(**_kwargs: object) -> None:
    from features.definitions import synchronise_builtins

    synchronise_builtins()
