"""The one door to API clients: every surface makes and changes them through here."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from access.services import digest_of
from clients.catalogue import CLIENT_FEATURES, OWNER
from clients.models import DESCRIPTION_LENGTH, ApiClient, ClientFeature, any_address
from clients.networks import check_networks, is_address_allowed
from events.services import Author, Entry, Origin, StreamKey, append
from tenancy.identifiers import has_control_characters, random_text
from tenancy.models import Instance

ID_LENGTH = SECRET_LENGTH = 32
MAXIMUM_OVERLAP = timedelta(hours=168)


@dataclass(frozen=True)
class IssuedClient:
    """A client with a new secret: the only moment at which the secret is known."""

    client: ApiClient
    secret: str


def create_client(
    instance: Instance,
    description: str,
    *,
    features: Iterable[str] = (),
    expires_at: datetime | None = None,
    actor: Author,
    origin: Origin,
) -> IssuedClient:
    """Make a client of an instance. ValidationError for a bad description or client feature."""
    description = check_description(description)
    names = check_features(features)
    secret = random_text(SECRET_LENGTH)
    with transaction.atomic():
        client = ApiClient.objects.create(
            instance=instance,
            client_id=random_text(ID_LENGTH),
            description=description,
            secret_digest=digest_of(secret),
            expires_at=expires_at,
        )
        _store_features(client, names)
        _record(client, "clients.created", None, _described(client), actor, origin)
    return IssuedClient(client, secret)


def set_description(
    client: ApiClient, description: str, *, actor: Author, origin: Origin
) -> ApiClient:
    """Change what people call a client."""
    description = check_description(description)
    with _changing(client) as current:
        before, current.description = current.description, description
        _save(current, "description", before, description, actor, origin)
    return current


def set_client_features(
    client: ApiClient, features: Iterable[str], *, actor: Author, origin: Origin
) -> ApiClient:
    """Replace the features that a client holds; none is legal and lets it do nothing.

    ValidationError for an unknown name, for what is held alone beside another, for an owner that
    would take `owner` from itself and for an instance that would be left without an owner.
    """
    names = check_features(features)
    with _changing(client) as current:
        before = current.feature_names
        if OWNER in before and OWNER not in names:
            if _is_same(current, actor):
                raise ValidationError({"features": _("an owner cannot take owner from itself")})
            _require_another_owner(current, "features")
        if names != before:
            current.features.all().delete()
            _store_features(current, names)
            _record(current, "clients.features_set", before, names, actor, origin)
    return current


def set_networks(
    client: ApiClient, networks: Iterable[str] | None, *, actor: Author, origin: Origin
) -> ApiClient:
    """Replace a client's allow list; None allows every address again.

    ValidationError for a bad network, and for a client that would shut out the address from which
    it makes this change.
    """
    try:
        checked = any_address() if networks is None else check_networks(networks)
    except ValidationError as error:
        raise ValidationError({"networks": error.messages}) from None
    with _changing(client) as current:
        if _is_same(current, actor) and not is_address_allowed(origin.address, checked):
            reason = _("the list must include the address that you call from, %(address)s")
            raise ValidationError({"networks": reason % {"address": origin.address}})
        before, current.networks = current.networks, checked
        _save(current, "networks", before, checked, actor, origin)
    return current


def rotate_secret(
    client: ApiClient, *, overlap: timedelta = timedelta(0), actor: Author, origin: Origin
) -> IssuedClient:
    """Give a client a new secret; the one before works on for ``overlap``, any older one ends.

    ValidationError for an overlap outside of 0 to 168 hours.
    """
    if not timedelta(0) <= overlap <= MAXIMUM_OVERLAP:
        raise ValidationError({"hours_to_live": _("must be from 0 to 168")})
    secret = random_text(SECRET_LENGTH)
    with _changing(client) as current:
        ends = timezone.now() + overlap if overlap else None
        current.previous_digest = current.secret_digest if overlap else ""
        current.previous_expires_at = ends
        current.secret_digest = digest_of(secret)
        current.save(update_fields=["secret_digest", "previous_digest", "previous_expires_at"])
        after = {"previous_secret_until": ends}
        _record(current, "clients.secret_reset", None, after, actor, origin)
    return IssuedClient(current, secret)


def set_expiry(
    client: ApiClient, expires_at: datetime | None, *, actor: Author, origin: Origin
) -> ApiClient:
    """Let a client end at a time, or never. ValidationError for the owner that lasts longest."""
    with _changing(client) as current:
        if OWNER in current.feature_names and _is_earlier(expires_at, current.expires_at):
            _require_another_owner(current, "expires_at")
        before, current.expires_at = current.expires_at, expires_at
        _save(current, "expires_at", before, expires_at, actor, origin)
    return current


def disable_client(client: ApiClient, *, actor: Author, origin: Origin) -> ApiClient:
    """Let a client sign in no more, until it is enabled. ValidationError for the last owner."""
    with _changing(client) as current:
        if OWNER in current.feature_names:
            if _is_same(current, actor):
                raise ValidationError({"disabled": _("a client cannot disable itself")})
            _require_another_owner(current, "disabled")
        _set_disabled(current, True, actor, origin)
    return current


def enable_client(client: ApiClient, *, actor: Author, origin: Origin) -> ApiClient:
    """Let a disabled client sign in again."""
    with _changing(client) as current:
        _set_disabled(current, False, actor, origin)
    return current


def delete_client(client: ApiClient, *, actor: Author, origin: Origin) -> None:
    """Delete a client with its secrets and tokens. ValidationError for an owner, and for itself."""
    with _changing(client) as current:
        if OWNER in current.feature_names:
            reason = _("the client holds owner: take it away first")
            raise ValidationError({"client": reason})
        if _is_same(current, actor):
            raise ValidationError({"client": _("a client cannot delete itself")})
        _record(current, "clients.deleted", _described(current), None, actor, origin)
        current.delete()


def stream_of(client: ApiClient) -> StreamKey:
    """The history of a client."""
    return StreamKey.within(client.instance, "client", client.client_id)


def check_feature_names(names: Iterable[str], field: str) -> list[str]:
    """Return names of client features with duplicates folded; ValidationError for the first bad."""
    unique = list(dict.fromkeys(names))
    for name in unique:
        if name not in CLIENT_FEATURES:
            raise ValidationError(
                {field: _("%(name)s is not a valid feature name") % {"name": name}}
            )
    return unique


def check_features(features: Iterable[str]) -> list[str]:
    """Return client features that one client may hold together, or raise ValidationError."""
    names = check_feature_names(features, "features")
    alone = [name for name in names if CLIENT_FEATURES[name].is_alone]
    if alone and len(names) > 1:
        reason = _("%(name)s may be held only alone") % {"name": alone[0]}
        raise ValidationError({"features": reason})
    return names


def check_description(text: str) -> str:
    """Return a description that can be stored and shown on one line, or raise ValidationError."""
    if not text.strip():
        raise ValidationError({"description": _("must not be blank")})
    if len(text) > DESCRIPTION_LENGTH:
        reason = _("must have at most %(count)d characters") % {"count": DESCRIPTION_LENGTH}
        raise ValidationError({"description": reason})
    if has_control_characters(text):
        raise ValidationError({"description": _("must not contain control characters")})
    return text


@contextmanager
def _changing(client: ApiClient) -> Iterator[ApiClient]:
    """Lock the client's instance and read the client again, in a transaction.

    One lock for all clients of an instance, so that two owners who demote each other take turns. It
    does not block those who only refer to the instance.
    """
    with transaction.atomic():
        Instance.objects.select_for_update(no_key=True).get(pk=client.instance_id)
        yield ApiClient.objects.select_related("instance").get(pk=client.pk)


def _require_another_owner(client: ApiClient, field: str) -> None:
    """Raise ValidationError if the client is its instance's only owner who can sign in.

    Another one counts that lasts as long: else the instance would be without when that one ends. An
    owner who cannot sign in anyway is no loss.
    """
    if not client.is_usable(timezone.now()):
        return
    lasts = Q(expires_at=None)
    if client.expires_at is not None:
        lasts |= Q(expires_at__gte=client.expires_at)
    others = ApiClient.objects.filter(
        lasts, instance=client.instance_id, features__name=OWNER, disabled=False
    ).exclude(pk=client.pk)
    if not others.exists():
        raise ValidationError({field: _("the instance would be left without an owner")})


def _is_earlier(end: datetime | None, other: datetime | None) -> bool:
    return end is not None and (other is None or end < other)


def _is_same(client: ApiClient, actor: Author) -> bool:
    return (actor.type, actor.id) == ("client", client.client_id)


def _store_features(client: ApiClient, names: Sequence[str]) -> None:
    ClientFeature.objects.bulk_create(ClientFeature(client=client, name=name) for name in names)


def _set_disabled(client: ApiClient, disabled: bool, actor: Author, origin: Origin) -> None:
    before, client.disabled = client.disabled, disabled
    if before == disabled:
        return
    client.save(update_fields=["disabled"])
    event_type = "clients.disabled" if disabled else "clients.enabled"
    _record(client, event_type, None, None, actor, origin)


def _save(
    client: ApiClient, field: str, before: object, after: object, actor: Author, origin: Origin
) -> None:
    """Save a field that has changed, with its event; one that has not leaves no trace."""
    if before == after:
        return
    client.save(update_fields=[field])
    event_type = {
        "description": "clients.description_set",
        "networks": "clients.networks_set",
        "expires_at": "clients.expiry_set",
    }[field]
    _record(client, event_type, before, after, actor, origin)


def _described(client: ApiClient) -> dict[str, Any]:
    """What the history keeps of a client; never a secret or its digest."""
    return {
        "description": client.description,
        "features": client.feature_names,
        "networks": client.networks,
        "expires": client.expires_at,
    }


def _record(
    client: ApiClient,
    event_type: str,
    before: object,
    after: object,
    actor: Author,
    origin: Origin,
) -> None:
    entry = Entry(event_type, client.client_id, before=before, after=after)
    append(stream_of(client), [entry], actor=actor, origin=origin)
