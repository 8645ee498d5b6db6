from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig
from django.core.checks import Tags, register


class StrataAdminConfig(AdminConfig):
    """Django's admin, with a site of our own."""

    default_site = "access.sites.StrataSite"


class ConfigConfig(AppConfig):
    name = "config"

    def ready(self) -> None:
        """Register the checks of what the settings alone cannot tell."""
        from config import checks

        register(checks.check_static_files_are_collected, Tags.staticfiles, deploy=True)
        register(checks.check_translations_are_compiled, Tags.translation, deploy=True)
        register(checks.check_debug_is_off_behind_a_proxy, Tags.security)
