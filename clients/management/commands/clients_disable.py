from typing import Any

from django.core.management.base import CommandParser

from clients.commands import ClientCommand
from clients.services import disable_client


class Command(ClientCommand):
    help = "Let an API client and its tokens sign in no more, until clients_enable."
    example = "clients_disable CLIENT --reason 'its secret was in a log'"

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("client", metavar="CLIENT", help="its client id")

    def run(self, client: str, **_options: Any) -> None:
        self.change(client, disable_client)
