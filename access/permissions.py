"""The permissions, the roles that carry them, and what a grant is. One table each."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from tenancy.levels import Level
from tenancy.models import Owner


class Action(StrEnum):
    """What may be done to a resource. Reading implies reading the effective values."""

    READ = "read"
    EFFECTIVE = "effective"
    WRITE = "write"
    DELETE = "delete"


class Resource(StrEnum):
    """What a permission is about; the feature resources are one for each level.

    Definitions and instances belong to the system; the rest lies within an instance.
    """

    SYSTEM_FEATURE = "system.feature"
    INSTANCE_FEATURE = "iam.feature"
    ORGANIZATION_FEATURE = "org.feature"
    USER_FEATURE = "user.feature"
    POLICY = "iam.policy"
    CLIENTS = "clients"
    TOKENS = "tokens"
    DEFINITIONS = "definition"
    INSTANCES = "instance"
    ORGANIZATIONS = "org"
    USERS = "user"
    MEMBERSHIPS = "membership"


FEATURES_OF = {
    Level.SYSTEM: Resource.SYSTEM_FEATURE,
    Level.INSTANCE: Resource.INSTANCE_FEATURE,
    Level.ORGANIZATION: Resource.ORGANIZATION_FEATURE,
    Level.USER: Resource.USER_FEATURE,
}


TENANTS_OF = {
    Level.INSTANCE: Resource.INSTANCES,
    Level.ORGANIZATION: Resource.ORGANIZATIONS,
    Level.USER: Resource.USERS,
}


@dataclass(frozen=True)
class Permission:
    """One action on one resource, written ``resource.action``, such as ``org.feature.write``."""

    resource: Resource
    action: Action

    def __str__(self) -> str:
        return f"{self.resource}.{self.action}"

    @classmethod
    def parse(cls, name: str) -> "Permission":
        """Return the permission of that name. ValueError for any other text."""
        resource, _, action = name.rpartition(".")
        return cls(Resource(resource), Action(action))

    @classmethod
    def on_features(cls, level: Level, action: Action) -> "Permission":
        """The permission to do ``action`` to the features of an owner at ``level``."""
        return cls(FEATURES_OF[level], action)

    @classmethod
    def on_tenants(cls, level: Level, action: Action) -> "Permission":
        """The permission to do ``action`` to the tenants of ``level`` themselves."""
        return cls(TENANTS_OF[level], action)


Permissions = frozenset[Permission]


def permissions(resources: Iterable[Resource], *actions: Action) -> Permissions:
    """Return every pairing of the resources and actions, with what they imply."""
    implied = {Action.EFFECTIVE} if Action.READ in actions else set()
    return frozenset(
        Permission(resource, action) for resource in resources for action in {*actions, *implied}
    )


def named_permissions(names: Iterable[str]) -> Permissions:
    """Return the permissions of these names, with what they imply. ValueError for a bad name."""
    named = frozenset(map(Permission.parse, names))
    return named.union(
        *(permissions([one.resource], one.action) for one in named if one.action is Action.READ)
    )


def names_of(held: Permissions) -> list[str]:
    """Return the names of permissions in order, without those that others of them imply."""
    implied = {
        Permission(one.resource, Action.EFFECTIVE) for one in held if one.action is Action.READ
    }
    return sorted(map(str, held - implied))


ALL_ACTIONS = (Action.READ, Action.WRITE, Action.DELETE)

_SYSTEM = (Resource.SYSTEM_FEATURE, Resource.DEFINITIONS, Resource.INSTANCES)
_ORG_AND_USERS = (Resource.ORGANIZATION_FEATURE, Resource.USER_FEATURE)
_FEATURES = (Resource.INSTANCE_FEATURE, *_ORG_AND_USERS)
_PEOPLE = (Resource.USERS, Resource.MEMBERSHIPS)
_IAM = (
    *(*_FEATURES, Resource.POLICY, Resource.CLIENTS, Resource.TOKENS),
    *(Resource.ORGANIZATIONS, *_PEOPLE),
)


class Role(StrEnum):
    """A role; its prefix says on what it is held: the system, an instance or an organization."""

    SYSTEM_OWNER = "SYSTEM_OWNER"
    SYSTEM_OWNER_VIEWER = "SYSTEM_OWNER_VIEWER"
    IAM_OWNER = "IAM_OWNER"
    IAM_OWNER_VIEWER = "IAM_OWNER_VIEWER"
    IAM_ORG_MANAGER = "IAM_ORG_MANAGER"
    IAM_USER_MANAGER = "IAM_USER_MANAGER"
    IAM_LOGIN_CLIENT = "IAM_LOGIN_CLIENT"
    IAM_ADMIN_IMPERSONATOR = "IAM_ADMIN_IMPERSONATOR"
    IAM_END_USER_IMPERSONATOR = "IAM_END_USER_IMPERSONATOR"
    ORG_OWNER = "ORG_OWNER"
    ORG_OWNER_VIEWER = "ORG_OWNER_VIEWER"
    ORG_SETTINGS_MANAGER = "ORG_SETTINGS_MANAGER"
    ORG_USER_MANAGER = "ORG_USER_MANAGER"
    ORG_ADMIN_IMPERSONATOR = "ORG_ADMIN_IMPERSONATOR"
    ORG_END_USER_IMPERSONATOR = "ORG_END_USER_IMPERSONATOR"

    @property
    def level(self) -> Level:
        """The level of the owner on which the role is held."""
        return _ROLE_LEVELS[self.value.split("_")[0]]

    @property
    def is_impersonator(self) -> bool:
        """Whether the role lets its holder act in somebody else's name."""
        return self.value.endswith("_IMPERSONATOR")

    @property
    def permissions(self) -> Permissions:
        """What the role permits there; nothing for the impersonators, who may only impersonate."""
        return ROLE_PERMISSIONS.get(self, frozenset())


_ROLE_LEVELS = {"SYSTEM": Level.SYSTEM, "IAM": Level.INSTANCE, "ORG": Level.ORGANIZATION}

ROLE_PERMISSIONS: dict[Role, Permissions] = {
    Role.SYSTEM_OWNER: permissions(_SYSTEM, *ALL_ACTIONS),
    Role.SYSTEM_OWNER_VIEWER: permissions(_SYSTEM, Action.READ),
    Role.IAM_OWNER: permissions(_IAM, *ALL_ACTIONS),
    Role.IAM_OWNER_VIEWER: permissions(_IAM, Action.READ),
    Role.IAM_ORG_MANAGER: permissions(
        (*_ORG_AND_USERS, Resource.ORGANIZATIONS, Resource.USERS), *ALL_ACTIONS
    ),
    Role.IAM_USER_MANAGER: permissions((Resource.USER_FEATURE, Resource.USERS), *ALL_ACTIONS),
    Role.IAM_LOGIN_CLIENT: permissions((*_FEATURES, Resource.POLICY), Action.READ),
    Role.ORG_OWNER: permissions((*_ORG_AND_USERS, *_PEOPLE), *ALL_ACTIONS),
    Role.ORG_OWNER_VIEWER: permissions((*_ORG_AND_USERS, *_PEOPLE), Action.READ),
    Role.ORG_SETTINGS_MANAGER: permissions([Resource.ORGANIZATION_FEATURE], *ALL_ACTIONS),
    Role.ORG_USER_MANAGER: permissions((Resource.USER_FEATURE, Resource.USERS), *ALL_ACTIONS),
}


# What nobody does in somebody else's name, whatever that somebody may do.
NOT_WHILE_IMPERSONATING = permissions(
    (Resource.POLICY, Resource.CLIENTS, Resource.TOKENS, Resource.MEMBERSHIPS),
    Action.WRITE,
    Action.DELETE,
)

IMPERSONATOR_ROLES = frozenset(role for role in Role if role.is_impersonator)


@dataclass(frozen=True)
class Grant:
    """Permissions that hold at one owner and at everything below it."""

    permissions: Permissions
    level: Level
    key: int  # the owner's primary key

    def covers(self, owner: Owner) -> bool:
        """Whether the owner is the grant's own or lies below it."""
        return owner.lineage_keys().get(self.level) == self.key
