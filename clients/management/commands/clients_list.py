from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from access.commands import StrataCommand, find_instance
from clients.catalogue import CLIENT_FEATURES
from clients.models import ApiClient
from clients.serializers import render_client


class Command(StrataCommand):
    help = "List API clients: what each may do, from where, and when it was last used."
    example = "clients_list --instance 123 --feature owner"

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("--instance", metavar="ID", help="only those of that instance")
        parser.add_argument(
            "--feature",
            action="append",
            choices=list(CLIENT_FEATURES),
            default=[],
            metavar="FEATURE",
            help=f"only those that hold it, or any of several: {', '.join(CLIENT_FEATURES)}",
        )

    def run(self, instance: str | None, feature: list[str], **options: Any) -> None:
        clients = ApiClient.objects.select_related("instance").prefetch_related("features")
        if instance is not None:
            clients = clients.filter(instance=find_instance(instance))
        if feature:
            clients = clients.filter(features__name__in=feature).distinct()
        if options["json"]:
            self.answer(
                [
                    {
                        "instance": client.instance.public_id,
                        **render_client(client),
                        "disabled": client.disabled,
                    }
                    for client in clients
                ]
            )
            return
        columns = ["INSTANCE", "CLIENT ID", "DESCRIPTION", "FEATURES", "MAY CALL FROM"]
        columns += ["LAST USED", "STATE"]
        self.show(columns, map(_row, clients))


def _row(client: ApiClient) -> tuple[str, ...]:
    document = render_client(client)
    return (
        client.instance.public_id,
        client.client_id,
        client.description,
        " ".join(document["features"]) or "none",
        " ".join(document["whitelist"]),
        document["last_used"] or "never",
        _state(client, document["expires"]),
    )


def _state(client: ApiClient, expires: str | None) -> str:
    if client.disabled:
        return "disabled"
    if not client.is_usable(timezone.now()):
        return f"expired {expires}"
    return f"until {expires}" if expires else "active"
