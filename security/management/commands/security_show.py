from typing import Any

from django.core.management.base import CommandParser

from access.commands import StrataCommand
from security.commands import read_instance, setting_text
from security.headers import page_headers
from security.serializers import render_answer
from security.services import PATHS, get_security_settings


class Command(StrataCommand):
    help = "Show who may embed an instance's pages and whether its users may be impersonated."
    example = "security_show instance:demo"

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("instance", metavar="INSTANCE", help="ID or instance:ID")

    def run(self, instance: str, **options: Any) -> None:
        settings, details = get_security_settings(read_instance(instance))
        if options["json"]:
            self.answer(render_answer(settings, details))
            return
        for name, path in PATHS.items():
            self.stdout.write(f"{path}: {setting_text(getattr(settings, name))}")
        for header, value in page_headers(settings).items():
            self.stdout.write(f"{header}: {value}")
