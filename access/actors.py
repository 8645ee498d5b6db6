"""Who is acting: the one object that the policy is asked about and that the history names."""

import getpass
import os
from collections.abc import Iterable
from dataclasses import dataclass, replace

from access.models import Membership
from access.permissions import (
    ALL_ACTIONS,
    NOT_WHILE_IMPERSONATING,
    Grant,
    Permission,
    Permissions,
    Resource,
    Role,
    permissions,
)
from events.services import ACTOR_NAME_LENGTH, Author
from tenancy.levels import Level
from tenancy.models import Instance, User

SUPERUSER = Grant(permissions(Resource, *ALL_ACTIONS), Level.SYSTEM, 1)


@dataclass(frozen=True)
class Actor(Author):
    """A user or an API client with what it was granted.

    ``user`` is None for an API client; ``instance`` is the one that an API client is bound to, None
    for a user. ``impersonator`` is who acts in the user's name: the grants are then less what
    nobody does in another's. ``withheld`` says why an actor that could hold grants was given none
    for this request, such as ``address``; nobody outside is told.
    """

    grants: tuple[Grant, ...] = ()
    user: User | None = None
    instance: Instance | None = None
    impersonator: Author | None = None
    withheld: str = ""

    def __post_init__(self) -> None:
        """Take from an impersonated user what stays forbidden, however the actor was made."""
        if self.impersonator:
            allowed = tuple(
                replace(grant, permissions=grant.permissions - NOT_WHILE_IMPERSONATING)
                for grant in self.grants
            )
            object.__setattr__(self, "grants", allowed)

    @property
    def permissions(self) -> Permissions:
        """All that the actor may do somewhere."""
        return frozenset[Permission]().union(*(grant.permissions for grant in self.grants))

    def impersonated_by(self, impersonator: Author) -> "Actor":
        """Return the actor as somebody else acting in their name."""
        return replace(self, impersonator=impersonator)

    def limited_to(self, names: Permissions) -> "Actor":
        """Return the actor with these permissions at most.

        What a user may read without any (their own features and those above) they still may: a
        token that an issuer made for a plain user would otherwise be good for nothing.
        """
        return replace(
            self,
            grants=tuple(
                replace(grant, permissions=grant.permissions & names) for grant in self.grants
            ),
        )


def author_of(user: User) -> Author:
    """Return how the history names a user."""
    return Author("user", user.public_id, str(user))


def shell_author(name: str = "") -> Author:
    """Return how the history names who runs a command: by default the operating system's user."""
    name = (name or _system_user())[:ACTOR_NAME_LENGTH]
    return Author("operator", name, name)


def _system_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"  # a container's user may have no name


def actor_for(
    user: User, held: Iterable[tuple[str, int | None, int | None]] | None = None
) -> Actor:
    """Return the actor that a user is.

    ``held`` are the user's memberships as (role, instance key, organization key) where the caller
    has read them already; otherwise one query reads them.
    """
    if held is None:
        held = Membership.objects.filter(user=user).values_list(
            "role", "instance_id", "organization_id"
        )
    grants = [
        Grant(Role(role).permissions, Role(role).level, organization or instance or 1)
        for role, instance, organization in held
    ]
    if user.is_superuser:
        grants.append(SUPERUSER)
    return Actor("user", user.public_id, str(user), tuple(grants), user)
