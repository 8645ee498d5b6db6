from datetime import timedelta
from typing import Any

from django.core.management.base import CommandParser
from django.db import transaction

from access.commands import Exit, Failed, StrataCommand
from access.services import DEFAULT_LIFETIME, MAXIMUM_LIFETIME, TokenHolder, issue_token
from clients.models import ApiClient
from features.serializers import render_time
from tenancy.levels import Level
from tenancy.models import User
from tenancy.references import find_by_reference


class Command(StrataCommand):
    help = "Make a bearer token. It stands alone on stdout, this once: only a digest is kept."
    example = "token_create user:alice --expires-in 30 --description 'nightly report'"
    writes = True

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("holder", metavar="user:ID|client:ID", help="whose token it is")
        parser.add_argument(
            "--expires-in",
            metavar="DAYS",
            type=int,
            default=DEFAULT_LIFETIME.days,
            help=f"1 to {MAXIMUM_LIFETIME.days}; default: {DEFAULT_LIFETIME.days}",
        )
        parser.add_argument("--description", default="", help="what it is for")
        parser.add_argument(
            "--permissions",
            metavar="NAME,…",
            help="at most these of the holder's, such as org.feature.read; default: all",
        )

    def run(self, holder: str, expires_in: int, description: str, **options: Any) -> None:
        if not 1 <= expires_in <= MAXIMUM_LIFETIME.days:
            raise Failed(f"--expires-in: 1 to {MAXIMUM_LIFETIME.days} days", Exit.USAGE)
        found = find_holder(holder)
        names = options["permissions"]
        with transaction.atomic():
            issued = issue_token(
                found,
                lifetime=timedelta(days=expires_in),
                permissions=names.replace(",", " ").split() if names is not None else None,
                description=description,
                actor=self.author,
                origin=self.origin,
            )
            transaction.set_rollback(options["dry_run"])
        expires = render_time(issued.row.expires_at)
        if options["json"]:
            token = None if options["dry_run"] else issued.text
            permissions = issued.row.permissions
            self.answer({"token": token, "expires": expires, "permissions": permissions})
        elif not options["dry_run"]:
            self.stdout.write(issued.text)
        if options["dry_run"]:
            self.say(f"A dry run: {found} would get a token until {expires}; none was made.")


def find_holder(reference: str) -> TokenHolder:
    """Return the user or the client of a reference. LookupError or BadReference for none."""
    label, _, identifier = reference.partition(":")
    if label == "client":
        client = ApiClient.objects.filter(client_id=identifier).select_related("instance").first()
        if client is None:
            raise LookupError(f'there is no client "{identifier}"')
        return client
    if label != Level.USER.label:
        raise Failed(f'"{reference}" holds no tokens: write user:ID or client:ID', Exit.USAGE)
    user = find_by_reference(reference)
    assert isinstance(user, User)  # noqa: S101  # it begins with user:
    return user
