"""Ending impersonations, with the history of it. security.impersonation starts them."""

from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from access.models import Impersonation
from events.services import Author, Entry, Origin, StreamKey, append, lock_stream
from tenancy.models import Instance, Owner, User


def stream_of(instance: Instance) -> StreamKey:
    """The history of an instance's impersonations; its lock orders their starts and ends."""
    return StreamKey.of(instance, "impersonation")


def unexpired() -> Q:
    """The impersonations that have not ended by themselves."""
    return Q(expires_at__gt=timezone.now())


def end_impersonations(
    condition: Q, owner: Owner, *, actor: Author, origin: Origin
) -> list[Impersonation]:
    """End at once, and for good, those impersonations of the owner's instance that fit.

    Their tokens are dead with the end of the transaction, and so are their sessions. One that was
    ended before stays as it is.
    """
    instance = owner.instance_or_none
    if instance is None:
        return []
    with transaction.atomic():
        lock_stream(stream_of(instance))
        ended = list(
            Impersonation.objects.filter(condition, instance=instance, ended_at=None)
            .select_related("impersonator", "subject")
            .order_by("pk")
        )
        if ended:
            keys = [row.pk for row in ended]
            Impersonation.objects.filter(pk__in=keys).update(ended_at=timezone.now())
            append(stream_of(instance), list(_ends(ended)), actor=actor, origin=origin)
    return ended


def end_impersonations_of(subject: User, *, actor: Author, origin: Origin) -> None:
    """End what others do in a user's name who gets a role: they began it for what there was then.

    Whether they may have the new role, too, is asked when they begin again.
    """
    theirs = unexpired() & Q(subject=subject)
    end_impersonations(theirs, subject, actor=actor, origin=origin)


def describe(impersonation: Impersonation) -> dict[str, Any]:
    """What the history keeps of an impersonation: both people, and until when it could last."""
    impersonator, subject = impersonation.impersonator, impersonation.subject
    described = {
        "impersonator": {"id": impersonator.public_id, "name": str(impersonator)},
        "subject": {"id": subject.public_id, "name": str(subject)},
        "expires": impersonation.expires_at,
    }
    return described | ({"client": impersonation.client_id} if impersonation.client_id else {})


def _ends(ended: Iterable[Impersonation]) -> Iterable[Entry]:
    for row in ended:
        yield Entry("impersonation.ended", row.subject.public_id, before=describe(row))
