from datetime import timedelta
from typing import Any

from django.core.management.base import CommandParser
from django.db import transaction

from access.commands import Exit, Failed, StrataCommand
from clients.commands import find_client
from clients.services import MAXIMUM_OVERLAP, rotate_secret
from features.serializers import render_time

MAXIMUM_HOURS = int(MAXIMUM_OVERLAP.total_seconds() // 3600)


class Command(StrataCommand):
    help = "Give an API client a new secret. It stands alone on stdout, this once."
    example = "clients_rotate_secret CLIENT --hours 24"
    writes = True

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("client", metavar="CLIENT", help="its client id")
        parser.add_argument(
            "--hours",
            type=int,
            default=0,
            help=f"how long the old secret works on, 0 to {MAXIMUM_HOURS}; default: 0",
        )

    def run(self, client: str, hours: int, **options: Any) -> None:
        if not 0 <= hours <= MAXIMUM_HOURS:
            raise Failed(f"--hours: 0 to {MAXIMUM_HOURS}", Exit.USAGE)
        found, dry_run = find_client(client), options["dry_run"]
        with transaction.atomic():
            issued = rotate_secret(
                found, overlap=timedelta(hours=hours), actor=self.author, origin=self.origin
            )
            transaction.set_rollback(dry_run)
        ends = issued.client.previous_expires_at
        until = render_time(ends) if ends else None
        if options["json"]:
            secret = None if dry_run else issued.secret
            self.answer({"client_id": client, "new_secret": secret, "old_secret_until": until})
        elif not dry_run:
            self.stdout.write(issued.secret)
        old = f"works until {until}" if until else "works no more"
        self.say(
            f"A dry run: nothing was written; the old secret {old}."
            if dry_run
            else f"The old secret {old}."
        )
