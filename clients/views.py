"""The `/clients/*` endpoints, by which an owner administers its instance's API clients."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.http import HttpRequest, HttpResponseBase, HttpResponseNotAllowed
from django.views.decorators.csrf import csrf_exempt

from access.callers import origin_of
from access.permissions import Action, Permission, Resource
from clients.authentication import SignedInClient, admit_client
from clients.envelope import (
    MissingArgument,
    answer,
    check_strings,
    invalid_id,
    parse_json,
    parse_whole_number,
    read_parameters,
    refuse,
)
from clients.models import ApiClient
from clients.serializers import render_client
from clients.services import (
    MAXIMUM_OVERLAP,
    check_feature_names,
    create_client,
    delete_client,
    rotate_secret,
    set_client_features,
    set_description,
    set_networks,
)
from events.models import Surface
from events.services import Origin


@dataclass(frozen=True)
class Call:
    """A call of a client that may make it, with all required parameters."""

    caller: SignedInClient
    parameters: dict[str, str]
    origin: Origin

    @property
    def by(self) -> dict[str, Any]:
        """What every service is told about who changes something."""
        return {"actor": self.caller.actor, "origin": self.origin}

    def json(self, name: str, default: str) -> Any:
        """Return the JSON value of a parameter, or of the default when it is absent."""
        return parse_json(name, self.parameters.get(name, default))

    def target(self, name: str = "for_client_id") -> ApiClient:
        """Return the client of the caller's instance that a parameter names; absent: the caller."""
        client = self.caller.client
        client_id = self.parameters.get(name)
        if client_id in {None, client.client_id}:
            return client
        clients = ApiClient.objects.filter(instance=client.instance_id)
        # Ids are ASCII; what is not could not even be asked for on every database.
        found = clients.filter(client_id=client_id).first() if _is_plain(client_id) else None
        if found is None:
            raise invalid_id(name)
        return found


Handler = Callable[[Call], dict[str, Any]]


def set_features_endpoint(call: Call) -> dict[str, Any]:
    raw = call.json("features", "")
    client = call.target()
    set_client_features(client, check_strings("features", raw), **call.by)
    return {}


def add_endpoint(call: Call) -> dict[str, Any]:
    raw = call.json("features", "[]")
    issued = create_client(
        call.caller.client.instance,
        call.parameters["description"],
        features=check_strings("features", raw),
        **call.by,
    )
    client = issued.client
    return {
        "client_id": client.client_id,
        "client_secret": issued.secret,
        "description": client.description,
        "features": client.feature_names,
        "whitelist": client.networks,
    }


def list_endpoint(call: Call) -> dict[str, Any]:
    raw = call.json("has_features", "[]")
    wanted = check_feature_names(check_strings("has_features", raw), "has_features")
    clients = ApiClient.objects.filter(instance=call.caller.client.instance_id)
    if wanted:
        clients = clients.filter(features__name__in=wanted).distinct()
    return {"results": [render_client(client) for client in clients.prefetch_related("features")]}


def set_description_endpoint(call: Call) -> dict[str, Any]:
    set_description(call.target(), call.parameters["description"], **call.by)
    return {}


def set_whitelist_endpoint(call: Call) -> dict[str, Any]:
    raw = call.json("whitelist", "")
    client = call.target()
    set_networks(client, check_strings("whitelist", raw), **call.by)
    return {}


def clear_whitelist_endpoint(call: Call) -> dict[str, Any]:
    set_networks(call.target(), None, **call.by)
    return {}


def reset_secret_endpoint(call: Call) -> dict[str, Any]:
    client = call.target()
    text = call.parameters.get("hours_to_live", "0")
    maximum = int(MAXIMUM_OVERLAP.total_seconds() // 3600)
    hours = parse_whole_number("hours_to_live", text, maximum)
    issued = rotate_secret(client, overlap=timedelta(hours=hours), **call.by)
    return {"new_secret": issued.secret}


def delete_endpoint(call: Call) -> dict[str, Any]:
    delete_client(call.target("client_id_for_deletion"), **call.by)
    return {}


def endpoint(
    handle: Handler,
    action: Action,
    *required: str,
    methods: tuple[str, ...] = ("POST",),
    target: str = "for_client_id",
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Return the view of an endpoint: the checks that all share, in their order, then its own."""
    permission = Permission(Resource.CLIENTS, action)

    @csrf_exempt
    def view(request: HttpRequest) -> HttpResponseBase:
        if request.method not in methods:
            return HttpResponseNotAllowed(methods)
        try:
            return answer(handle(_admit(request, permission, required)))
        except ApiClient.DoesNotExist:  # deleted by somebody else in this very moment
            return refuse(request, invalid_id(target))
        except Exception as error:  # the envelope has a number for every one
            return refuse(request, error)

    return view


def _admit(request: HttpRequest, permission: Permission, required: tuple[str, ...]) -> Call:
    """Return the call if the client's credentials are right and it may make this call."""
    parameters = read_parameters(request)
    caller = admit_client(request, parameters, permission)
    for name in required:
        if not parameters.get(name, "").strip():
            raise MissingArgument(name)
    return Call(caller, parameters, origin_of(request, caller.actor, Surface.API))


def _is_plain(text: str | None) -> bool:
    return text is not None and text.isascii() and text.isprintable()
