"""What is wrong with a deployment though each of its settings can be read."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error


def check_static_files_are_collected(**_kwargs: Any) -> Sequence[CheckMessage]:
    if not settings.STATIC_ROOT or (Path(settings.STATIC_ROOT) / "staticfiles.json").exists():
        return []
    return [
        Error(
            "The files that browsers get have not been collected.",
            hint="Type `manage.py collectstatic`.",
            id="strata.E001",
        )
    ]


def check_translations_are_compiled(**_kwargs: Any) -> Sequence[CheckMessage]:
    """Without them everybody reads English, and nothing else would say why."""
    sources = Path(settings.BASE_DIR).glob("locale/*/LC_MESSAGES/*.po")
    if all(source.with_suffix(".mo").exists() for source in sources):
        return []
    return [
        checks.Warning(
            "The translations have not been compiled.",
            hint="Type `manage.py compilemessages`.",
            id="strata.W001",
        )
    ]


def check_debug_is_off_behind_a_proxy(**_kwargs: Any) -> Sequence[CheckMessage]:
    """A debug page shows variables to whoever causes an error: only the developer may."""
    if not settings.DEBUG or not settings.TRUSTED_PROXIES:
        return []
    return [
        Error(
            "DEBUG is on behind a proxy, where strangers would see its error pages.",
            hint="Set DEBUG=off, or take TRUSTED_PROXIES away.",
            id="strata.E002",
        )
    ]
