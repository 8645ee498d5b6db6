"""What the commands that change API clients share."""

from collections.abc import Callable
from typing import Any

from django.db import transaction

from access.commands import Failed, StrataCommand, find_instance
from access.reports import report_document
from clients.models import ApiClient
from clients.serializers import render_client
from tenancy.models import Instance

UNSHOWN = {"created", "last_used"}  # of a client: nobody changes them


class ClientCommand(StrataCommand):
    """A command that changes one client and tells what has changed."""

    writes = True
    reports = True

    def change(self, client_id: str, act: Callable[..., object]) -> None:
        """Do something to a client, by ``act(client, actor=…, origin=…)``, and tell the changes.

        A dry run does the same and takes it back.
        """
        client = find_client(client_id)
        with transaction.atomic():
            before = _described(client)
            act(client, actor=self.author, origin=self.origin)
            after = _described(ApiClient.objects.get(pk=client.pk))
            transaction.set_rollback(self.options["dry_run"])
        self.tell(client.client_id, before, after)

    def tell(self, client_id: str, before: dict[str, Any], after: dict[str, Any]) -> None:
        """Show the fields that differ, as lines or as the report."""
        changes = [
            {"client": client_id, "field": field, "before": before.get(field), "after": value}
            for field, value in after.items()
            if before.get(field) != value
        ]
        dry_run = self.options["dry_run"]
        if self.options["json"]:
            unchanged = 0 if changes else 1
            self.answer(report_document(dry_run=dry_run, changes=changes, unchanged=unchanged))
            return
        for change in changes:
            before_text, after_text = _text(change["before"]), _text(change["after"])
            self.stdout.write(f"{client_id} {change['field']}: {before_text} → {after_text}")
        if not changes:
            self.say("Nothing to do: it is so already.")
        elif dry_run:
            self.say("A dry run: nothing was written.")


def find_client(client_id: str) -> ApiClient:
    """Return the client of an id, of whichever instance. LookupError for none."""
    client = ApiClient.objects.filter(client_id=client_id).select_related("instance").first()
    if client is None:
        raise LookupError(f'there is no client "{client_id}"; clients_list shows all')
    return client


def find_instance_or_only(public_id: str | None) -> Instance:
    """Return the instance of an id, or the only one. Failed where there are others or none."""
    if public_id is not None:
        return find_instance(public_id)
    instances = list(Instance.objects.order_by("pk")[:2])
    if len(instances) != 1:
        number = "several instances" if instances else "no instance"
        raise Failed(f"there are {number}: name one with --instance ID")
    return instances[0]


def _described(client: ApiClient) -> dict[str, Any]:
    shown = {"disabled": client.disabled, **render_client(client)}
    return {field: value for field, value in shown.items() if field not in UNSHOWN}


def _text(value: Any) -> str:
    match value:
        case list():
            return ", ".join(value) or "none"
        case bool():
            return "yes" if value else "no"
        case None:
            return "never"
        case _:
            return str(value)
