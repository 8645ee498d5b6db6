from django.apps import AppConfig
from django.core.checks import Tags, register


class ConfigConfig(AppConfig):
    name = "config"

    def ready(self) -> None:
        """Register the checks of what the settings alone cannot tell."""
        from config import checks

        register(checks.check_static_files_are_collected, Tags.staticfiles, deploy=True)
        register(checks.check_debug_is_off_behind_a_proxy, Tags.security)
