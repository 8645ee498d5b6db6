"""Compiles the translations, in place of Django's command, which needs a program of the machine."""

from typing import Any

from django.core.management.base import BaseCommand

from config.texts import compile_texts


class Command(BaseCommand):
    """Compiles the translations."""

    help = "Compiles the translations; every ./run does. A deployment without it does it once."
    requires_system_checks = ()

    def handle(self, *_arguments: Any, **_options: Any) -> None:
        for path in compile_texts():
            self.stdout.write(f"compiled {path}")
