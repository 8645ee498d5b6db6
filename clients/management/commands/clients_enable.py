from typing import Any

from django.core.management.base import CommandParser

from clients.commands import ClientCommand
from clients.services import enable_client


class Command(ClientCommand):
    help = "Let a disabled API client sign in again."
    example = "clients_enable CLIENT"

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("client", metavar="CLIENT", help="its client id")

    def run(self, client: str, **_options: Any) -> None:
        self.change(client, enable_client)
