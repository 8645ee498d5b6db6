"""How roles and tenants are taken back; and why tokens, impersonations and deletions are not."""

from collections.abc import Iterable
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from access.actors import Actor
from access.models import Membership
from access.permissions import Action, Permission, Resource, Role
from access.policy import MissingPermission, may_grant
from access.services import grant_role, held_on, revoke_role
from access.tenants import TENANT, change_tenant, require_on_tenant, set_domains
from access.undoing import Final, Gone, State, Undoer, Way, same_states
from events.models import Event
from events.services import Author, Origin
from tenancy.levels import Level
from tenancy.models import Instance, Owner, User
from tenancy.references import BadReference, find_by_reference
from tenancy.services import find_owner


def _find_role(event: Event) -> tuple[Any, Role, Owner]:
    """Return who was granted or lost which role, on what."""
    user = _find_tenant(event)
    reference: Any = event.after or event.before
    try:
        return user, Role(event.subject), find_by_reference(reference)
    except (BadReference, ValueError):
        raise Gone(_("What the role was held on is not there any more.")) from None


def _permit_role(actor: Actor, _event: Event, found: tuple[User, Role, Owner]) -> None:
    if not may_grant(actor, *found[1:]):
        raise MissingPermission(Permission(Resource.MEMBERSHIPS, Action.WRITE))


def _role_states(event: Event, found: tuple[User, Role, Owner]) -> tuple[State, ...]:
    _user, role, owner = found
    held = owner.reference if _memberships(*found).exists() else None
    return (State(role.value, held, *_referring_to(owner, event)),)


def _referring_to(owner: Owner, event: Event) -> Iterable[Any]:
    """Return what the event left and what was before it, as the owner is referred to today."""
    return (owner.reference if text else None for text in (event.after, event.before))


def _restore_role(
    event: Event, found: tuple[User, Role, Owner], *, actor: Author, origin: Origin
) -> None:
    if event.before:
        grant_role(*found, actor=actor, origin=origin)
    for membership in () if event.before else _memberships(*found):
        revoke_role(membership, actor=actor, origin=origin)


def _memberships(user: User, role: Role, owner: Owner) -> Any:
    return Membership.objects.filter(user=user, role=role.value, **held_on(owner))


def _find_tenant(event: Event) -> Owner:
    """Return the tenant that an event is about, if it is the one that it was then."""
    stream = event.stream
    instance = Instance.objects.filter(public_id=stream.instance).first()
    owner: Owner | None = None
    if instance and stream.level:
        owner = find_owner(instance, stream.level, stream.owner)
    elif stream.level is Level.USER:
        owner = User.objects.filter(instance=None, public_id=stream.owner).first()
    deletions = Event.objects.filter(
        stream__kind=f"{owner.level.label}.{TENANT}" if owner else "",
        stream__instance=stream.instance,
        stream__owner=stream.owner,
        type="tenants.deleted",
        pk__gt=event.pk,
    )
    if owner is None or deletions.exists():
        raise Gone(_("It was deleted since: %(id)s.") % {"id": stream.owner})
    return owner


def _permit_tenant(actor: Actor, event: Event, owner: Owner) -> None:
    require_on_tenant(actor, Action.WRITE, owner, [event.subject])


def _tenant_states(event: Event, owner: Owner) -> tuple[State, ...]:
    now = getattr(owner, event.subject)
    if isinstance(owner, Instance) and event.subject == "domains":
        now = sorted(str(domain) for domain in owner.domains.all())
    return same_states(event.subject, now, event)


def _restore_tenant(event: Event, owner: Owner, *, actor: Author, origin: Origin) -> None:
    before: Any = event.before
    if isinstance(owner, Instance) and event.subject == "domains":
        set_domains(owner, before, actor=actor, origin=origin)
    else:
        change_tenant(owner, {event.subject: before}, actor=actor, origin=origin)


_ROLES = Undoer(_find_role, _permit_role, _role_states, _restore_role)

WAYS: dict[str, Way] = {
    "roles.granted": _ROLES,
    "roles.revoked": _ROLES,
    "tenants.changed": Undoer(_find_tenant, _permit_tenant, _tenant_states, _restore_tenant),
    "tenants.created": Final(
        gettext_lazy("What was made is only deleted by hand: that is for good.")
    ),
    "tenants.deleted": Final(gettext_lazy("What is deleted is gone, with its roles and tokens.")),
    "tenants.password_set": Final(
        gettext_lazy("The password of before is kept nowhere: set another.")
    ),
    "tokens.issued": Final(gettext_lazy("A token is out once it is issued: end it instead.")),
    "tokens.revoked": Final(gettext_lazy("A token that was ended is kept nowhere: issue another.")),
    "impersonation.started": Final(gettext_lazy("It has happened: end it instead.")),
    "impersonation.ended": Final(gettext_lazy("It is over: who needs it starts another.")),
}
