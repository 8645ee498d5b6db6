from typing import Any

from django.core.management.base import CommandParser

from access.commands import Exit, Failed, StrataCommand
from clients.models import Refusal
from features.serializers import render_time


class Command(StrataCommand):
    help = "Tell why API clients were refused, newest first: the clients themselves are not told."
    example = "clients_refusals CLIENT --request-id abcdefgh23456789"

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("client", metavar="CLIENT", nargs="?", help="only those of this id")
        parser.add_argument("--request-id", metavar="ID", help="only the one of this request")
        parser.add_argument(
            "--limit", type=int, default=20, metavar="N", help="how many; default: 20"
        )

    def run(self, client: str | None, request_id: str | None, limit: int, **options: Any) -> None:
        if limit < 1:
            raise Failed("--limit: a number from 1", Exit.USAGE)
        refusals = Refusal.objects.all()
        if client is not None:
            refusals = refusals.filter(client_id=client)
        if request_id is not None:
            refusals = refusals.filter(request_id=request_id)
        documents = [
            {
                "time": render_time(refusal.created_at),
                "client_id": refusal.client_id,
                "reason": refusal.reason,
                "detail": refusal.detail,
                "address": refusal.address,
                "request_id": refusal.request_id,
            }
            for refusal in refusals[:limit]
        ]
        if options["json"]:
            self.answer(documents)
            return
        columns = ["TIME", "CLIENT ID", "REASON", "DETAIL", "ADDRESS", "REQUEST ID"]
        rows = [list(document.values()) for document in documents]
        self.show(columns, rows)
