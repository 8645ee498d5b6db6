from datetime import UTC, datetime
from typing import Any

from django.core.management.base import CommandParser
from django.utils.dateparse import parse_datetime

from access.commands import Exit, Failed
from clients.commands import ClientCommand
from clients.services import set_expiry


class Command(ClientCommand):
    help = "Let an API client end at a time, or never."
    example = "clients_expire CLIENT 2030-01-31T12:00:00Z"

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("client", metavar="CLIENT", help="its client id")
        parser.add_argument("when", metavar="TIME|never", help="in UTC where it names no zone")

    def run(self, client: str, when: str, **_options: Any) -> None:
        moment = read_time(when)
        self.change(client, lambda found, **by: set_expiry(found, moment, **by))


def read_time(text: str) -> datetime | None:
    """Return the moment that a text means, None for never. Failed for what is no time."""
    if text == "never":
        return None
    try:
        moment = parse_datetime(text) or parse_datetime(f"{text}T00:00:00")
    except ValueError:
        moment = None
    if moment is None:
        raise Failed(f'"{text}" is no time: write 2030-01-31T12:00:00Z or never', Exit.USAGE)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
