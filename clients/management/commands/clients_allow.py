from typing import Any

from django.core.management.base import CommandParser

from access.commands import Exit, Failed
from clients.commands import ClientCommand
from clients.services import set_networks


class Command(ClientCommand):
    help = "Replace the networks from which an API client may call."
    example = "clients_allow CLIENT 203.0.113.0/24 2001:db8::/32"

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("client", metavar="CLIENT", help="its client id")
        parser.add_argument("networks", metavar="NETWORK", nargs="*", help="such as 10.0.0.0/8")
        parser.add_argument("--any", action="store_true", help="let it call from anywhere")

    def run(self, client: str, networks: list[str], **options: Any) -> None:
        if options["any"] == bool(networks):
            raise Failed("name networks, or --any to let it call from anywhere", Exit.USAGE)
        self.change(client, lambda found, **by: set_networks(found, networks or None, **by))
