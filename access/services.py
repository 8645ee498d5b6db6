"""Changing who may: roles held and bearer tokens."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from access.asides import write_aside
from access.impersonations import end_impersonations, end_impersonations_of, unexpired
from access.models import AccessToken, Impersonation, Membership
from access.permissions import (
    IMPERSONATOR_ROLES,
    Action,
    Permission,
    Resource,
    Role,
    named_permissions,
)
from events.services import Author, Entry, Origin, StreamKey, append
from tenancy.identifiers import random_text
from tenancy.levels import Level
from tenancy.models import Owner, User
from tenancy.spelling import did_you_mean
from tenancy.translation import translate
from tenancy.uniqueness import AlreadyExists

TOKEN_START = "strata_"  # noqa: S105  # what makes a leaked token recognisable, not a secret
TOKEN_RANDOM_LENGTH = 40
TOKEN_SHOWN_LENGTH = len(TOKEN_START) + 6
DEFAULT_LIFETIME = timedelta(days=90)
DESCRIPTION_LENGTH = 200
MAXIMUM_LIFETIME = timedelta(days=365)


@dataclass(frozen=True)
class IssuedToken:
    """A new token: the only moment at which its text is known."""

    text: str
    row: AccessToken


def digest_of(secret: str) -> str:
    """Return the SHA-256 of a random secret in hexadecimal, the only form that is stored.

    The secret is long and random, so one fast hash is enough: there is nothing to guess.
    """
    return hashlib.sha256(secret.encode()).hexdigest()


class TokenHolder(Protocol):
    """Who a token may be of: a user or an API client, whose table stands above this app."""

    instance: Any

    @property
    def public_id(self) -> Any: ...


def issue_token(
    holder: TokenHolder,
    *,
    actor: Author,
    origin: Origin,
    lifetime: timedelta = DEFAULT_LIFETIME,
    permissions: Iterable[str] | None = None,
    description: str = "",
    impersonation: Impersonation | None = None,
) -> IssuedToken:
    """Make a bearer token for a user or an API client.

    With ``impersonation`` it acts in the user's name, and no longer than that is running.

    ValidationError for a lifetime outside 0 to 365 days, a description that is too long and for
    names that are no permissions.
    """
    if not timedelta(0) < lifetime <= MAXIMUM_LIFETIME:
        raise ValidationError({"expires_in_days": _("must be from 1 to 365")})
    if len(description) > DESCRIPTION_LENGTH:
        reason = _("must have at most %(count)d characters") % {"count": DESCRIPTION_LENGTH}
        raise ValidationError({"description": reason})
    names = _check_permissions(permissions) if permissions is not None else None
    held: dict[str, Any] = {"user" if isinstance(holder, User) else "client": holder}
    text = TOKEN_START + random_text(TOKEN_RANDOM_LENGTH)
    with transaction.atomic():
        row = AccessToken.objects.create(
            instance=holder.instance,
            digest=digest_of(text),
            prefix=text[:TOKEN_SHOWN_LENGTH],
            permissions=names,
            description=description,
            expires_at=timezone.now() + lifetime,
            impersonation=impersonation,
            **held,
        )
        _record_token(row, "tokens.issued", actor, origin, after=_described(row))
    return IssuedToken(text, row)


def revoke_token(token: AccessToken, *, actor: Author, origin: Origin) -> None:
    """End a token at once; one that is gone already is left alone."""
    with transaction.atomic():
        if AccessToken.objects.filter(pk=token.pk).delete()[0]:
            _record_token(token, "tokens.revoked", actor, origin, before=_described(token))


def grant_role(
    user: User, role: Role, owner: Owner, *, actor: Author, origin: Origin, is_new: bool = False
) -> Membership:
    """Let a user hold a role on an owner; holding it already changes nothing.

    With a new role, impersonations of the user end.

    ValidationError when the role does not belong on such an owner, or the owner is of another
    instance than the user. AlreadyExists for a role held already that was to be ``is_new``.
    """
    _check_role_fits(user, role, owner)
    with transaction.atomic():
        membership, is_granted = Membership.objects.get_or_create(
            user=user, role=role.value, **held_on(owner)
        )
        if is_new and not is_granted:
            raise AlreadyExists({"role": _("the user holds it there already")})
        if is_granted:
            entry = role_entry("roles.granted", user, role, owner)
            append(StreamKey.of(user, "roles"), [entry], actor=actor, origin=origin)
            end_impersonations_of(user, actor=actor, origin=origin)
    return membership


def role_entry(event_type: str, user: User, role: Role, owner: Owner) -> Entry:
    """Return what the history keeps of a role that is granted or revoked.

    The user's organization is told of the roles that are held on it; which they hold elsewhere is
    not its business.
    """
    is_granted = event_type == "roles.granted"
    return Entry(
        event_type,
        role.value,
        before=None if is_granted else owner.reference,
        after=owner.reference if is_granted else None,
        for_organization=owner == user.organization,
    )


def roles_of(user: User) -> list[Membership]:
    """Return the roles that a user holds, each with what it is held on; one query."""
    held = Membership.objects.filter(user=user).select_related("instance", "organization__instance")
    return list(held.order_by("pk"))


def held_by(user: User) -> list[tuple[Role, Owner]]:
    """Return the roles that a user holds, as the policy asks for them; one query."""
    return [(Role(row.role), row.owner) for row in roles_of(user)]


def revoke_role(membership: Membership, *, actor: Author, origin: Origin) -> None:
    """Take a role away; one that is gone already is left alone."""
    role = Role(membership.role)
    entry = role_entry("roles.revoked", membership.user, role, membership.owner)
    with transaction.atomic():
        if Membership.objects.filter(pk=membership.pk).delete()[0]:
            append(StreamKey.of(membership.user, "roles"), [entry], actor=actor, origin=origin)
            if membership.role in IMPERSONATOR_ROLES:
                theirs = unexpired() & Q(impersonator=membership.user)
                end_impersonations(theirs, membership.owner, actor=actor, origin=origin)


def note_token_use(token: AccessToken, now: datetime) -> None:
    """Remember when a token was last used, at most once a minute; nobody waits for the write."""
    if token.last_used_at is None or now - token.last_used_at > timedelta(minutes=1):
        write_aside(lambda: AccessToken.objects.filter(pk=token.pk).update(last_used_at=now))


def _check_permissions(names: Iterable[str]) -> list[str]:
    """Return names of permissions, with what they imply. ValidationError for each that is none."""
    known = {str(Permission(resource, action)) for resource in Resource for action in Action}
    asked = set(names)
    if unknown := sorted(asked - known):
        faults = [
            _("there is no permission %(name)s")
            % {"name": f'"{name}"{translate(did_you_mean(name, known))}'}
            for name in unknown
        ]
        raise ValidationError({"permissions": faults})
    return sorted(map(str, named_permissions(asked)))


def _check_role_fits(user: User, role: Role, owner: Owner) -> None:
    if owner.level is not role.level:
        raise ValidationError(
            {
                "role": _("%(role)s is held on the %(level)s level")
                % {"role": role.value, "level": _(role.level.label)}
            }
        )
    foreign = user.instance_or_none is not None and owner.instance_or_none != user.instance_or_none
    if foreign and owner.level is not Level.SYSTEM:
        raise ValidationError({"owner": _("the user belongs to another instance")})


def held_on(owner: Owner) -> dict[str, Any]:
    """Return the columns that say on what a membership is held."""
    return {
        "instance": owner.instance_or_none,
        "organization": owner if owner.level is Level.ORGANIZATION else None,
    }


def _described(token: AccessToken) -> dict[str, object]:
    """What the history keeps of a token; never the token or its digest."""
    return {
        "description": token.description,
        "expires": token.expires_at.isoformat(),
        "permissions": token.permissions,
    }


def _record_token(
    token: AccessToken,
    event_type: str,
    actor: Author,
    origin: Origin,
    *,
    before: object = None,
    after: object = None,
) -> None:
    holder: Any = token.user or token.client
    key = (
        StreamKey.of(holder, "token")
        if isinstance(holder, User)
        else StreamKey.within(holder.instance, "client.token", holder.public_id)
    )
    entry = Entry(event_type, token.prefix, before=before, after=after)
    append(key, [entry], actor=actor, origin=origin)
