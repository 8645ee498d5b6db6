from typing import Any

from django.core.management.base import CommandParser

from access.commands import StrataCommand
from access.tables import render_table
from clients.models import Refusal
from features.serializers import render_time


class Command(StrataCommand):
    help = "Tell why API clients were refused, the last first: the reason that they do not learn."
    example = "clients_refusals CLIENT --request-id abcdefgh23456789"

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("client", metavar="CLIENT", nargs="?", help="only those of this id")
        parser.add_argument("--request-id", metavar="ID", help="only the one of this request")
        parser.add_argument("--limit", type=int, default=20, help="default: 20")

    def run(self, client: str | None, request_id: str | None, limit: int, **options: Any) -> None:
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
            for refusal in refusals[: max(limit, 0)]
        ]
        if options["json"]:
            self.answer(documents)
            return
        columns = ["TIME", "CLIENT ID", "REASON", "DETAIL", "ADDRESS", "REQUEST ID"]
        rows = [list(document.values()) for document in documents]
        self.stdout.write(render_table(columns, rows, self.stdout))
