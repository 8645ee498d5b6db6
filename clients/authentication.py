"""From a client's id and secret to the actor that the policy is asked about."""

import base64
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import NotAuthenticated, Throttled
from rest_framework.request import Request

from access.actors import Actor
from access.asides import write_aside
from access.authentication import InvalidCredentials
from access.callers import Caller, host_of, instance_of
from access.permissions import Permission
from access.policy import require
from access.services import digest_of
from access.throttling import require_turn
from clients.lookup import FoundClient, read_client
from clients.models import ApiClient, RefusalReason
from clients.refusals import (
    last_failures,
    note_denied,
    note_refusal,
    storable,
    stored_address,
    throttled_until,
)

SECRET_READ = 1000  # characters; more is wrong anyway
NO_DIGEST = "-" * 64  # which no secret has
USE_NOTED_EVERY = timedelta(minutes=1)


class UnsupportedScheme(InvalidCredentials):
    """An Authorization header of another scheme than Basic, where only that one will do."""


@dataclass(frozen=True)
class SignedInClient:
    """A client whose credentials are right, as the actor that it is from its address."""

    client: ApiClient
    actor: Actor
    revision: int


class ClientAuthentication(BaseAuthentication):
    """``Authorization: Basic …`` of an API client's id and secret."""

    def authenticate(self, request: Request) -> tuple[Actor, ApiClient] | None:
        """Return the actor and the client, or None when the header is of another scheme."""
        header = get_authorization_header(request)
        if header.partition(b" ")[0].lower() != b"basic":
            return None
        signed_in = sign_in_client(
            header,
            {},
            address=request.META.get("REMOTE_ADDR", ""),
            request_id=getattr(request._request, "request_id", ""),
        )
        request._request.revision = signed_in.revision  # type: ignore[attr-defined]
        return signed_in.actor, signed_in.client


def admit_client(
    request: HttpRequest, parameters: Mapping[str, str], permission: Permission
) -> SignedInClient:
    """Return the client that calls, if it may do that to the instance that the request means.

    Raises what sign_in_client raises, UnknownHost, TooManyRequests, and PermissionDenied, whose
    cause is noted.
    """
    caller = sign_in_client(
        request.META.get("HTTP_AUTHORIZATION", "").encode("latin-1", "replace"),
        parameters,
        address=request.META.get("REMOTE_ADDR", ""),
        request_id=getattr(request, "request_id", ""),
    )
    try:
        instance = instance_of(host_of(request), caller.actor, caller.revision)
        require_turn(Caller(instance, caller.actor, caller.revision))
        require(caller.actor, permission, instance)
    except PermissionDenied as error:
        note_denied(caller.actor, error, request)
        raise
    return caller


def sign_in_client(
    header: bytes, parameters: Mapping[str, str], *, address: str, request_id: str
) -> SignedInClient:
    """Return the client that an Authorization header names, or else the parameters.

    The parameters are ``client_id`` and ``client_secret``; the header wins. NotAuthenticated when
    both are absent, UnsupportedScheme for another scheme than Basic, Throttled after too many wrong
    secrets from this address, InvalidCredentials for whatever else is wrong. From an address that
    the client's allow list refuses, the actor has no grants.
    """
    if header:
        client_id, secret = parse_basic(header)
    else:
        client_id, secret = parameters.get("client_id", ""), parameters.get("client_secret", "")
        if not client_id and not secret:
            raise NotAuthenticated
    return _find_client(storable(client_id, 64), secret, address=address, request_id=request_id)


def parse_basic(header: bytes) -> tuple[str, str]:
    """Return id and secret of a Basic header. UnsupportedScheme or InvalidCredentials."""
    scheme, _, encoded = header.strip().partition(b" ")
    if scheme.lower() != b"basic":
        raise UnsupportedScheme
    try:
        client_id, colon, secret = (
            base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
        )
    except ValueError:
        raise InvalidCredentials from None
    if not colon:
        raise InvalidCredentials
    return client_id, secret


def _find_client(client_id: str, secret: str, *, address: str, request_id: str) -> SignedInClient:
    """Find the client with one query. InvalidCredentials or Throttled.

    An unknown id and a wrong secret take the same steps, so that neither answer nor time differ.
    """
    now = timezone.now()
    caller = stored_address(address)
    found = read_client(client_id, caller)
    is_right = _is_secret_of(found, secret, now)
    if found is None or not is_right:
        _refuse_throttled(client_id, caller, *last_failures(client_id, caller))
        reason = RefusalReason.UNKNOWN if found is None else RefusalReason.SECRET
        note_refusal(client_id, reason, address=address, request_id=request_id)
        raise InvalidCredentials
    _refuse_throttled(client_id, caller, found.last_failure, found.tenth_failure)
    client = found.load()
    actor = client.as_actor(found.features, address=address)
    if actor is None:
        reason = RefusalReason.DISABLED if client.disabled else RefusalReason.EXPIRED
        note_refusal(client_id, reason, address=address, request_id=request_id)
        raise InvalidCredentials
    if not actor.withheld:
        _note_use(client, now)
    return SignedInClient(client, actor, found.revision)


def _is_secret_of(found: FoundClient | None, secret: str, now: datetime) -> bool:
    """Whether the secret is the client's newest, or the one before within its overlap."""
    digest = digest_of(storable(secret, SECRET_READ))
    newest, previous = (found.secret_digest, found.previous_digest) if found else ("", "")
    # Both are compared whatever the first gives, and for nobody, too: the time tells nothing.
    is_newest = hmac.compare_digest(digest, newest or NO_DIGEST)
    is_previous = hmac.compare_digest(digest, previous or NO_DIGEST)
    ends = found.previous_expires_at if found else None
    return is_newest or (is_previous and ends is not None and now < ends)


def _refuse_throttled(
    client_id: str, address: str, last: datetime | None, tenth: datetime | None
) -> None:
    until = throttled_until(client_id, address, last, tenth)
    if until:
        raise Throttled(wait=max(0, (until - timezone.now()).total_seconds()))


def _note_use(client: ApiClient, now: datetime) -> None:
    """Remember the last use, with a write at most once a minute that nobody waits for."""
    if client.last_used_at is None or now - client.last_used_at >= USE_NOTED_EVERY:
        write_aside(lambda: ApiClient.objects.filter(pk=client.pk).update(last_used_at=now))
