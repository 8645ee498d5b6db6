"""How changes of API clients are taken back; and why their secrets and deletions are not."""

from collections.abc import Callable
from typing import Any

from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from access.actors import Actor
from access.permissions import Action, Permission, Resource
from access.policy import require
from access.undoing import Final, Gone, State, Undoer, Way, same_states
from clients import services
from clients.models import ApiClient
from events.models import Event
from events.services import Author, Origin


def _find(event: Event) -> ApiClient:
    clients = ApiClient.objects.select_related("instance")
    client = clients.filter(client_id=event.stream.owner).first()
    if client is None:
        raise Gone(_("The API client was deleted since."))
    return client


def _permit(actor: Actor, _event: Event, client: ApiClient) -> None:
    require(actor, Permission(Resource.CLIENTS, Action.WRITE), client.instance)


def _undoer(name: str, service: Callable[..., Any], field: str, read: Any = None) -> Undoer:
    """Return the undoer of a field that a service sets as a whole."""

    def states(event: Event, client: ApiClient) -> tuple[State, ...]:
        return same_states(name, getattr(client, field), event)

    def restore(event: Event, client: ApiClient, *, actor: Author, origin: Origin) -> None:
        before = read(event.before) if read and event.before else event.before
        service(client, before, actor=actor, origin=origin)

    return Undoer(_find, _permit, states, restore)


def _switch(*, disabled: bool) -> Undoer:
    """Return the undoer of what disables a client, or enables it."""

    def states(_event: Event, client: ApiClient) -> tuple[State, ...]:
        return (State("disabled", client.disabled, disabled, not disabled),)

    def restore(_event: Event, client: ApiClient, *, actor: Author, origin: Origin) -> None:
        act = services.enable_client if disabled else services.disable_client
        act(client, actor=actor, origin=origin)

    return Undoer(_find, _permit, states, restore)


WAYS: dict[str, Way] = {
    "clients.description_set": _undoer("description", services.set_description, "description"),
    "clients.features_set": _undoer("features", services.set_client_features, "feature_names"),
    "clients.networks_set": _undoer("networks", services.set_networks, "networks"),
    "clients.expiry_set": _undoer("expires", services.set_expiry, "expires_at", parse_datetime),
    "clients.disabled": _switch(disabled=True),
    "clients.enabled": _switch(disabled=False),
    "clients.created": Final(
        gettext_lazy("What was made is only deleted by hand: that is for good.")
    ),
    "clients.deleted": Final(gettext_lazy("What is deleted is gone, with its secret and tokens.")),
    "clients.secret_reset": Final(gettext_lazy("A secret is kept nowhere: the old one is gone.")),
}
