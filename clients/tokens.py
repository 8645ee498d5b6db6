"""Issuing bearer tokens for others: never one that may more than its issuer.

What a token may do is fixed when it is issued. It is a set of permissions such as
``org.feature.write``, and three rules bound it:

- nothing that its holder may not do;
- nothing that the issuer may not do to the instance, and what the holder may beyond the instance
  only if the issuer may it there;
- a client that may more than the issuer gets no token at all, and a user who holds a role to
  impersonate others gets one only from who may write the security settings, which rule that.

Whoever a user is, their token reads what is their own: that takes no permission.
"""

from collections.abc import Iterable
from datetime import timedelta

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from access.actors import Actor, actor_for
from access.models import Membership
from access.permissions import (
    Action,
    Permission,
    Permissions,
    Resource,
    Role,
    named_permissions,
    names_of,
)
from access.policy import MissingPermission, require
from access.services import IssuedToken, issue_token
from clients.models import ApiClient
from events.services import Origin
from tenancy.levels import Level
from tenancy.models import Owner, System, User

WRITE_SETTINGS = Permission(Resource.POLICY, Action.WRITE)


def issue_token_for(
    holder: User | ApiClient,
    *,
    permissions: Iterable[str] | None,
    lifetime: timedelta,
    description: str,
    actor: Actor,
    origin: Origin,
) -> IssuedToken:
    """Issue a token for a user or a client of the issuer's instance, or for an operator.

    Without ``permissions`` it may all that the rules of this module leave. MissingPermission for
    what the issuer may not hand out, ValidationError for what the holder does not have.
    """
    place: Owner = holder.instance or System()  # operators belong to the system
    if isinstance(holder, User):
        as_holder = _actor_of_user(holder, actor, place)
    else:
        as_holder = _actor_of_client(holder, actor, place)
    held = as_holder.permissions
    within = held & _may_hand_out(actor, as_holder, place)
    if permissions is not None:
        wanted = named_permissions(permissions)
        _require_subset(wanted, held, within)
        within = wanted
    return issue_token(
        holder,
        actor=actor,
        origin=origin,
        lifetime=lifetime,
        permissions=names_of(within),
        description=description,
    )


def _actor_of_user(user: User, issuer: Actor, place: Owner) -> Actor:
    if not user.is_active:
        raise ValidationError({"user": _("the user is not active")})
    held = Membership.objects.filter(user=user).values_list(
        "role", "instance_id", "organization_id"
    )
    memberships = list(held)
    if any(Role(role).is_impersonator for role, _instance, _organization in memberships):
        require(issuer, WRITE_SETTINGS, place)
    return actor_for(user, memberships)


def _actor_of_client(client: ApiClient, issuer: Actor, place: Owner) -> Actor:
    as_holder = client.as_actor()
    if as_holder is None:
        raise ValidationError({"client": _("the client is disabled or has expired")})
    for grant in as_holder.grants:
        excess = grant.permissions - _may_hand_out(issuer, as_holder, place)
        if excess:
            raise MissingPermission(min(excess, key=str))
    return as_holder


def _may_hand_out(issuer: Actor, holder: Actor, place: Owner) -> Permissions:
    """Return what the issuer may do wherever the holder's grants reach."""
    in_place = frozenset[Permission]()
    everywhere = frozenset[Permission]()
    for grant in issuer.grants:
        if grant.covers(place):
            in_place |= grant.permissions
        if grant.level is Level.SYSTEM:
            everywhere |= grant.permissions
    held_everywhere = frozenset[Permission]().union(
        *(grant.permissions for grant in holder.grants if grant.level is Level.SYSTEM)
    )
    return in_place - (held_everywhere - everywhere)


def _require_subset(wanted: Permissions, held: Permissions, within: Permissions) -> None:
    missing = names_of(wanted - held)
    if missing:
        reason = _("the holder does not have %(names)s") % {"names": ", ".join(missing)}
        raise ValidationError({"permissions": reason})
    excess = wanted - within
    if excess:
        raise MissingPermission(min(excess, key=str))
