from typing import Any

from django.core.management.base import CommandParser
from django.db import transaction

from clients.catalogue import CLIENT_FEATURES
from clients.commands import ClientCommand, find_instance_or_only
from clients.serializers import render_client
from clients.services import create_client


class Command(ClientCommand):
    help = "Make an API client. Its secret is printed this once: only a digest is kept."
    example = "clients_create 'nightly import' --feature direct_access"
    reports = False

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument(
            "description",
            metavar="DESCRIPTION",
            nargs="?",
            default="made from the shell",
            help="what people call it",
        )
        parser.add_argument(
            "--feature",
            action="append",
            default=[],
            metavar="FEATURE",
            help=f"what it may do, repeatable: {', '.join(CLIENT_FEATURES)}",
        )
        parser.add_argument("--instance", metavar="ID", help="needed where there are several")

    def run(
        self, description: str, feature: list[str], instance: str | None, **options: Any
    ) -> None:
        dry_run = options["dry_run"]
        with transaction.atomic():
            issued = create_client(
                find_instance_or_only(instance),
                description,
                features=feature,
                actor=self.author,
                origin=self.origin,
            )
            document = render_client(issued.client) | {"client_secret": issued.secret}
            transaction.set_rollback(dry_run)
        if dry_run:
            document |= {"client_id": None, "client_secret": None}
        if options["json"]:
            self.answer(document)
        elif not dry_run:
            self.stdout.write(f"client_id      {document['client_id']}")
            self.stdout.write(f"client_secret  {document['client_secret']}")
        if dry_run:
            may = ", ".join(document["features"]) or "nothing"
            self.say(f'A dry run: "{description}" would be made, for {may}; none was.')
