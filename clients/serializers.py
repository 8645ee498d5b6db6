"""The JSON of clients and tokens: strict about what comes in, complete in what goes out."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError

from access.models import AccessToken
from access.permissions import named_permissions, names_of
from access.services import DEFAULT_LIFETIME, DESCRIPTION_LENGTH, MAXIMUM_LIFETIME
from clients.models import ApiClient
from features.serializers import render_time
from tenancy.identifiers import validate_public_id

FIELDS = ("user", "client", "expires_in_days", "permissions", "description")


@dataclass(frozen=True)
class TokenRequest:
    """What a token is asked for: exactly one of ``user`` and ``client`` is an id."""

    user: str | None
    client: str | None
    days: int
    permissions: tuple[str, ...] | None
    description: str


def parse_token_request(body: Mapping[str, Any]) -> TokenRequest:
    """Return what the body asks for. ValidationError names every bad field at once."""
    problems: dict[str, str] = {
        field: f"is not known; there are {', '.join(FIELDS)}"
        for field in body
        if field not in FIELDS
    }
    if ("user" in body) == ("client" in body):
        problems["user"] = "write the id of either a user or a client"
    for field in ("user", "client"):
        if field in body and field not in problems and not _is_id(body[field]):
            problems[field] = "must be the id of one, as a text"
    days = body.get("expires_in_days", DEFAULT_LIFETIME.days)
    if type(days) is not int or not 1 <= days <= MAXIMUM_LIFETIME.days:
        problems["expires_in_days"] = f"must be a whole number from 1 to {MAXIMUM_LIFETIME.days}"
    description = body.get("description", "")
    if not isinstance(description, str) or not _is_line(description):
        problems["description"] = (
            f"must be a text of at most {DESCRIPTION_LENGTH} characters on one line"
        )
    names = body.get("permissions")
    problems |= _problems_of_permissions(names) if "permissions" in body else {}
    if problems:
        raise ValidationError(problems)
    return TokenRequest(
        user=body.get("user"),
        client=body.get("client"),
        days=days,
        permissions=tuple(names) if names is not None else None,
        description=description,
    )


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


def render_token(token: AccessToken) -> dict[str, Any]:
    """Return a token as the API shows it, without its text. No ``permissions``: the holder's."""
    holder = token.user or token.client
    kind = "user" if token.user else "client"
    return {
        "id": str(token.pk),
        kind: holder.public_id if holder else "",
        "prefix": token.prefix,
        "description": token.description,
        "permissions": _shown(token.permissions),
        "created": render_time(token.created_at),
        "expires": render_time(token.expires_at),
        "last_used": _time_or_none(token.last_used_at),
    }


def _time_or_none(moment: datetime | None) -> str | None:
    return render_time(moment) if moment else None


def _shown(names: list[str] | None) -> list[str] | None:
    """Return permissions without those that others imply, as people write them."""
    return names_of(named_permissions(names)) if names is not None else None


def _problems_of_permissions(names: Any) -> dict[str, str]:
    if not isinstance(names, list):
        return {"permissions": "must be a list of names such as org.feature.read"}
    return {
        f"permissions[{index}]": "is no permission; write a name such as org.feature.read"
        for index, name in enumerate(names)
        if not _is_permission(name)
    }


def _is_permission(name: Any) -> bool:
    try:
        named_permissions([name] if isinstance(name, str) else [""])
    except ValueError:
        return False
    return True


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and _passes(value)


def _is_line(text: str) -> bool:
    return text == "" or (len(text) <= DESCRIPTION_LENGTH and _passes(text))


def _passes(text: str) -> bool:
    try:
        validate_public_id(text)
    except ValidationError:
        return False
    return True
