"""Who may impersonate whom: one table, and one pure function that reads it."""

from dataclasses import dataclass

from access.permissions import Role
from tenancy.levels import Level
from tenancy.sentences import Sentence as _

NOT_REACHED = _("no role of the impersonator allows it")

Held = tuple[Role, int]
"""A role and the primary key of the owner on which it is held."""


@dataclass(frozen=True)
class Person:
    """What the rules look at in a user. ``instance`` and ``organization`` are primary keys."""

    key: int
    instance: int | None
    organization: int | None
    roles: frozenset[Held] = frozenset()
    is_active: bool = True
    is_superuser: bool = False

    def is_in(self, level: Level, key: int) -> bool:
        """Whether the person belongs to the instance or the organization of that key."""
        places = {Level.INSTANCE: self.instance, Level.ORGANIZATION: self.organization}
        return places[level] == key


# Each impersonator's role, and whether it reaches users who hold roles themselves. Where it reaches
# follows from what it is held on. No other role carries any of this, not even the owners'.
REACHES_ROLE_HOLDERS = {
    Role.IAM_ADMIN_IMPERSONATOR: True,
    Role.IAM_END_USER_IMPERSONATOR: False,
    Role.ORG_ADMIN_IMPERSONATOR: True,
    Role.ORG_END_USER_IMPERSONATOR: False,
}


def refusal(
    impersonator: Person, subject: Person, *, is_enabled: bool, is_chained: bool = False
) -> str:
    """Return why the one may not impersonate the other; the empty text when they may.

    ``is_enabled`` is the setting of the subject's instance; ``is_chained`` says that one of the two
    is already being impersonated. Whom no role reaches, of them nothing else is said, nor of their
    instance.
    """
    if is_chained:
        return _("an impersonation cannot be the ground of another")
    if impersonator.key == subject.key:
        return _("nobody impersonates themselves")
    if not impersonator.is_active or not any(
        _reaches(held, subject) for held in impersonator.roles
    ):
        return NOT_REACHED
    if not is_enabled:
        return _("impersonation is turned off for this instance")
    if subject.is_superuser or not subject.is_active or _owns_system(subject):
        return _("this user may not be impersonated")
    return ""


def _reaches(held: Held, subject: Person) -> bool:
    role, key = held
    if role not in REACHES_ROLE_HOLDERS or not subject.is_in(role.level, key):
        return False
    return REACHES_ROLE_HOLDERS[role] or not subject.roles


def _owns_system(person: Person) -> bool:
    return any(role is Role.SYSTEM_OWNER for role, _key in person.roles)
