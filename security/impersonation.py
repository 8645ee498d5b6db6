"""Starting and ending impersonations: one user acting in another's name, with both named."""

from dataclasses import replace
from datetime import datetime, timedelta

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from access.actors import author_of
from access.impersonations import describe, end_impersonations, stream_of
from access.models import Impersonation, Membership
from access.permissions import Role
from events.services import Entry, Origin, append, lock_stream
from security.rules import NOT_REACHED, REACHES_ROLE_HOLDERS, Held, Person, refusal
from security.services import read_settings
from tenancy.levels import Level
from tenancy.models import Instance, User

MAXIMUM_DURATION = timedelta(hours=1)
CANDIDATES_SHOWN = 50


class MayNotImpersonate(PermissionDenied):
    """The one may not impersonate the other; the message says why."""


def may_impersonate(impersonator: User, subject: User) -> bool:
    """Whether the one may impersonate the other now."""
    if subject.instance is None:
        return False
    held = _held_by(impersonator, subject)
    # Most people hold no role for it: their pages need not read the settings.
    if not any(role in REACHES_ROLE_HOLDERS for role, _place in held[impersonator.pk]):
        return False
    return not _refusal(impersonator, subject, subject.instance, held)


def find_candidates(impersonator: User, begins_with: str) -> list[User]:
    """Return some users, by how their names begin, whom a user may impersonate now."""
    reach = Q(pk__in=[])
    for membership in Membership.objects.filter(
        user=impersonator, role__in=REACHES_ROLE_HOLDERS
    ).select_related("instance", "organization__instance"):
        place = membership.owner
        instance = place.instance_or_none
        if instance is None or not read_settings(instance).impersonation_enabled:
            continue
        here = Q(organization=place) if place.level is Level.ORGANIZATION else Q(instance=place)
        if not REACHES_ROLE_HOLDERS[Role(membership.role)]:
            here &= Q(memberships=None)
        reach |= here
    return list(
        User.objects.filter(reach, is_active=True, is_superuser=False)
        .filter(folded_username__prefix=begins_with.lower())
        .exclude(pk=impersonator.pk)
        .exclude(memberships__role=Role.SYSTEM_OWNER)
        .select_related("organization", "instance")
        .distinct()
        .order_by("username", "pk")[:CANDIDATES_SHOWN]
    )


def start_impersonation(
    impersonator: User,
    subject: User,
    *,
    origin: Origin,
    expires_at: datetime | None = None,
    client_id: str = "",
    is_chained: bool = False,
) -> Impersonation:
    """Let a user act in another's name for an hour, or until ``expires_at`` where that is earlier.

    MayNotImpersonate when the rules or the settings of the subject's instance refuse it.
    """
    instance = subject.instance
    if instance is None:
        # An operator belongs to no instance whose settings could allow it.
        raise MayNotImpersonate(NOT_REACHED)
    with transaction.atomic():
        # The settings are read behind the lock that turning them off needs, too: an impersonation
        # is either refused or ended by that, never missed.
        lock_stream(stream_of(instance))
        held = _held_by(impersonator, subject)
        if reason := _refusal(impersonator, subject, instance, held, is_chained=is_chained):
            raise MayNotImpersonate(reason)
        now = timezone.now()
        row = Impersonation.objects.create(
            instance=instance,
            impersonator=impersonator,
            subject=subject,
            client_id=client_id,
            started_at=now,
            expires_at=min(now + MAXIMUM_DURATION, expires_at or now + MAXIMUM_DURATION),
        )
        entry = Entry("impersonation.started", subject.public_id, after=describe(row))
        append(
            stream_of(instance),
            [entry],
            actor=author_of(subject),
            origin=acting_for(row, origin),
        )
    return row


def end_impersonation(impersonation: Impersonation, *, origin: Origin) -> None:
    """End it as the impersonator; ended already, nothing changes."""
    end_impersonations(
        Q(pk=impersonation.pk),
        impersonation.instance,
        actor=author_of(impersonation.subject),
        origin=acting_for(impersonation, origin),
    )


def acting_for(impersonation: Impersonation, origin: Origin) -> Origin:
    """Return the origin with the impersonator named."""
    return replace(origin, on_behalf_of=author_of(impersonation.impersonator))


def _refusal(
    impersonator: User,
    subject: User,
    instance: Instance,
    held: dict[int, set[Held]],
    *,
    is_chained: bool = False,
) -> str:
    return refusal(
        _person(impersonator, held[impersonator.pk]),
        _person(subject, held[subject.pk]),
        is_enabled=read_settings(instance).impersonation_enabled,
        is_chained=is_chained,
    )


def _held_by(*people: User) -> dict[int, set[Held]]:
    """Return the roles that each of some people holds; one query for all."""
    held: dict[int, set[Held]] = {user.pk: set() for user in people}
    memberships = Membership.objects.filter(user__in=people)
    for key, role, at_instance, at_organization in memberships.values_list(
        "user_id", "role", "instance_id", "organization_id"
    ):
        held[key].add((Role(role), at_organization or at_instance or 1))
    return held


def _person(user: User, held: set[Held]) -> Person:
    return Person(
        key=user.pk,
        instance=user.instance_id,
        organization=user.organization_id,
        roles=frozenset(held),
        is_active=user.is_active,
        is_superuser=user.is_superuser,
    )
