"""How the endpoints and the commands show a client."""

from datetime import datetime
from typing import Any

from clients.models import ApiClient
from features.serializers import render_time


def render_client(client: ApiClient) -> dict[str, Any]:
    """Return a client as `/clients/list` and the commands show it, without its secrets."""
    return {
        "client_id": client.client_id,
        "description": client.description,
        "features": client.feature_names,
        "whitelist": client.networks,
        "created": render_time(client.created_at),
        "last_used": _time_or_none(client.last_used_at),
        "expires": _time_or_none(client.expires_at),
    }


def _time_or_none(moment: datetime | None) -> str | None:
    return render_time(moment) if moment else None
