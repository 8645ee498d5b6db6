"""Refusals: noting why an API client was refused, and throttling who guesses secrets.

Noting never waits for the database. What it could not take yet is kept in the process, counts for
the throttle, and is written with the next refusal.
"""

import logging
from collections import deque
from datetime import datetime, timedelta

from django.core.exceptions import PermissionDenied
from django.db.models import Subquery
from django.http import HttpRequest
from django.utils import timezone

from access.actors import Actor
from access.asides import write_aside
from access.policy import MissingPermission
from clients.models import Refusal, RefusalReason
from clients.networks import plain_address

log = logging.getLogger("strata.clients")

FAILURES_ALLOWED = 10
WINDOW = timedelta(minutes=1)  # of the failures, and how long the pair is then refused
WRONG_CREDENTIALS = (RefusalReason.SECRET, RefusalReason.UNKNOWN)

KEPT_OF_CLIENT = 100
KEPT_AT_LEAST = 2 * WINDOW  # whatever the number: the throttle counts them
KEPT_OF_UNKNOWN = 10_000
PRUNE_UNKNOWN_EVERY = 500

_unwritten: deque[Refusal] = deque(maxlen=1000)


def storable(text: str, length: int) -> str:
    """Return text from outside in a form that every database stores; an ordinary one unchanged."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")[:length]


def stored_address(address: str) -> str:
    """Return an address in the one spelling in which refusals keep it."""
    return storable(plain_address(address), 45)


def note_refusal(
    client_id: str,
    reason: RefusalReason,
    *,
    address: str,
    request_id: str,
    detail: str = "",
) -> None:
    """Remember a refused request with its real reason, and log it."""
    log.warning("refused client %s from %s: %s %s", client_id, address, reason.value, detail)
    _unwritten.append(
        Refusal(
            client_id=storable(client_id, 64),
            reason=reason,
            detail=storable(detail, 200),
            address=stored_address(address),
            request_id=request_id,
            created_at=timezone.now(),
        )
    )
    rows: list[Refusal] = []
    while _unwritten:
        rows.append(_unwritten.popleft())
    if not write_aside(lambda: _write(rows)):
        _unwritten.extend(rows)


def note_denied(actor: object, error: PermissionDenied, request: HttpRequest) -> None:
    """Remember why a request that signed in was denied; only those of API clients are noted."""
    if not isinstance(actor, Actor) or actor.type != "client":
        return
    is_permission = isinstance(error, MissingPermission)
    reason = RefusalReason.FEATURE if is_permission else RefusalReason.HOST
    note_refusal(
        actor.id,
        RefusalReason(actor.withheld) if actor.withheld else reason,
        address=request.META.get("REMOTE_ADDR", ""),
        request_id=getattr(request, "request_id", ""),
        detail=str(error),
    )


def last_failures(client_id: str, address: str) -> tuple[datetime | None, datetime | None]:
    """Return the times of the pair's last and tenth last wrong credentials, with one query."""
    times = list(
        Refusal.objects.filter(client_id=client_id, address=address, reason__in=WRONG_CREDENTIALS)
        .order_by("-id")
        .values_list("created_at", flat=True)[:FAILURES_ALLOWED]
    )
    tenth = times[-1] if len(times) == FAILURES_ALLOWED else None
    return times[0] if times else None, tenth


def throttled_until(
    client_id: str, address: str, last: datetime | None, tenth: datetime | None
) -> datetime | None:
    """Return until when the pair is refused after too many wrong credentials; None if it is not."""
    now = timezone.now()
    if last and tenth and last - tenth < WINDOW and now < last + WINDOW:
        return last + WINDOW
    recent = [
        row.created_at
        for row in list(_unwritten)
        if (row.client_id, row.address) == (client_id, address)
        and row.reason in WRONG_CREDENTIALS
        and now < row.created_at + WINDOW
    ]
    return max(recent) + WINDOW if len(recent) >= FAILURES_ALLOWED else None


def _write(rows: list[Refusal]) -> None:
    written = Refusal.objects.bulk_create(rows)
    for client_id in {row.client_id for row in written}:
        of_client = Refusal.objects.filter(client_id=client_id)
        newest = of_client.order_by("-id").values("id")
        of_client.filter(
            id__lt=Subquery(newest[KEPT_OF_CLIENT - 1 : KEPT_OF_CLIENT]),
            created_at__lt=timezone.now() - KEPT_AT_LEAST,
        ).delete()
    if any(row.pk % PRUNE_UNKNOWN_EVERY == 0 for row in written):
        unknown = Refusal.objects.filter(reason=RefusalReason.UNKNOWN)
        newest = unknown.order_by("-id").values("id")
        unknown.filter(id__lt=Subquery(newest[KEPT_OF_UNKNOWN - 1 : KEPT_OF_UNKNOWN])).delete()
