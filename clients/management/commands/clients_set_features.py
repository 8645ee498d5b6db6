from typing import Any

from django.core.management.base import CommandParser

from access.commands import Exit, Failed
from clients.catalogue import CLIENT_FEATURES
from clients.commands import ClientCommand
from clients.services import set_client_features


class Command(ClientCommand):
    help = "Replace the client features of an API client: it may what is named and nothing else."
    example = "clients_set_features CLIENT direct_access access_issuer"

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("client", metavar="CLIENT", help="its client id")
        parser.add_argument(
            "features", metavar="FEATURE", nargs="*", help=", ".join(CLIENT_FEATURES)
        )
        parser.add_argument("--none", action="store_true", help="take all away")

    def run(self, client: str, features: list[str], none: bool, **_options: Any) -> None:
        if none == bool(features):
            raise Failed("name client features, or --none to take all away", Exit.USAGE)
        self.change(client, lambda found, **by: set_client_features(found, features, **by))
