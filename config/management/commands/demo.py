import os
from typing import Any

from django.core.management.base import CommandParser

from access.commands import StrataCommand
from config.demo import DOMAIN, Demo, make_demo
from tenancy.models import Instance


class Command(StrataCommand):
    help = (
        "Load example data, with new secrets each time; those of earlier runs end. "
        "Whatever else is there stays."
    )
    example = "demo --json"

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--if-empty", action="store_true", help="do nothing where there is an instance"
        )

    def run(self, if_empty: bool, **options: Any) -> None:
        if if_empty and Instance.objects.exists():
            self.say(f"{addresses()}\n  new demo secrets     ./run manage demo\n")
            return
        demo = make_demo(actor=self.author, origin=self.origin)
        if options["json"]:
            self.answer(demo.as_document())
        else:
            self.stdout.write(f"{addresses()}\n{introduction(demo)}")
        self.say("These secrets are shown this once; those of earlier demos have ended.")


def base_url() -> str:
    """Return where ./run serves."""
    return f"http://{DOMAIN}:{os.environ.get('PORT') or '8000'}"


def addresses() -> str:
    """Return where to go, in words."""
    return f"""
Strata

  admin                {base_url()}/admin/
  feature API          {base_url()}/v2/features/"""


def introduction(demo: Demo) -> str:
    """Return the admin's sign-in and a first line to try."""
    return f"""
  sign in as           {demo.admin.username}
  password             {demo.password}

Ask for a user's features, with the level each comes from:

  curl -H 'Authorization: Bearer {demo.tokens["iam_owner"]}' \\
    '{base_url()}/v2/features/user/{demo.users["alice"].public_id}?inheritance=true'

All ids, tokens and clients of a new demo: ./run manage demo --json
"""
