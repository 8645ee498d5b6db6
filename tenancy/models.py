from collections.abc import Sequence
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from tenancy.identifiers import PUBLIC_ID_MAX_LENGTH, generate_public_id, validate_public_id
from tenancy.levels import Level
from tenancy.revision import Revision

__all__ = ["Instance", "InstanceDomain", "Organization", "Owner", "Revision", "System", "User"]


class Owner(models.Model):
    """What a level's values belong to: the System, an Instance, an Organization or a User."""

    level: ClassVar[Level]
    public_id: Any

    class Meta:
        abstract = True

    @property
    def parent(self) -> "Owner | None":
        """The owner right above, or None for the system."""
        raise NotImplementedError

    @property
    def instance_or_none(self) -> "Instance | None":
        """The instance that the owner is or belongs to; None for the system and its operators."""
        raise NotImplementedError

    @property
    def resource_owner(self) -> str:
        """The id that details name as ``resourceOwner``."""
        return str(self.public_id)

    @property
    def reference(self) -> str:
        """The owner as commands write it, such as ``organization:INSTANCE/ID``."""
        instance = self.instance_or_none
        prefix = f"{instance.public_id}/" if instance and instance != self else ""
        return f"{self.level.label}:{prefix}{self.public_id}"

    @property
    def parent_keys(self) -> "dict[Level, int]":
        """The primary keys of the owners above, by level, read without a query."""
        raise NotImplementedError

    def lineage(self) -> "list[Owner]":
        """The owner and the owners above it, nearest first, the system last."""
        parent = self.parent
        return [self, *(parent.lineage() if parent else [])]

    def lineage_keys(self) -> "dict[Level, int]":
        """The primary keys of the lineage by level, read without a query."""
        return {self.level: self.pk, **self.parent_keys}


def _public_id_field() -> "models.CharField[str, str]":
    return models.CharField(
        _("id"),
        max_length=PUBLIC_ID_MAX_LENGTH,
        default=generate_public_id,
        validators=[validate_public_id],
        help_text=_("1 to 200 characters; generated when empty."),
    )


def _folded(field: str, max_length: int = 200) -> "models.GeneratedField":
    """A column that the database keeps: another in lower case, indexed for ``__prefix``."""
    return models.GeneratedField(
        expression=Lower(field),
        output_field=models.CharField(max_length=max_length),
        db_persist=True,
        db_index=True,
    )


class System(Owner):
    """The one row at the top of every lineage."""

    level = Level.SYSTEM
    public_id = "SYSTEM"

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)

    class Meta:
        verbose_name = verbose_name_plural = _("system")
        constraints = [models.CheckConstraint(condition=Q(id=1), name="system_is_one_row")]

    def __str__(self) -> str:
        return "system"

    @property
    def parent(self) -> None:
        return None

    @property
    def parent_keys(self) -> dict[Level, int]:
        return {}

    @property
    def instance_or_none(self) -> None:
        return None

    @property
    def reference(self) -> str:
        return "system"


class Instance(Owner):
    """A tenant with its own domains, organizations, users, security settings and API clients."""

    level = Level.INSTANCE

    public_id = _public_id_field()
    name = models.CharField(_("name"), max_length=200)
    folded_name = _folded("name")
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("instance")
        verbose_name_plural = _("instances")
        ordering = ("folded_name", "pk")
        indexes = [models.Index(fields=["folded_name", "id"], name="instance_in_order")]
        constraints = [
            models.UniqueConstraint(fields=["public_id"], name="instance_public_id_unique")
        ]

    def __str__(self) -> str:
        return self.name or self.public_id

    @property
    def parent(self) -> System:
        return System()

    @property
    def parent_keys(self) -> dict[Level, int]:
        return {Level.SYSTEM: 1}

    @property
    def instance_or_none(self) -> "Instance":
        return self


class InstanceDomain(models.Model):
    """A host name under which an instance answers: lower case, ASCII, without a port."""

    instance = models.ForeignKey(Instance, models.CASCADE, related_name="domains")
    domain = models.CharField(_("domain"), max_length=253, unique=True)

    class Meta:
        verbose_name = _("domain")
        verbose_name_plural = _("domains")
        ordering = ("domain",)

    def __str__(self) -> str:
        return self.domain


class Organization(Owner):
    """A group of users within one instance."""

    level = Level.ORGANIZATION

    # Its index is that of the order: the first below.
    instance = models.ForeignKey(
        Instance, models.PROTECT, related_name="organizations", db_index=False
    )
    public_id = _public_id_field()
    name = models.CharField(_("name"), max_length=200)
    folded_name = _folded("name")
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("organization")
        verbose_name_plural = _("organizations")
        ordering = ("folded_name", "pk")
        indexes = [
            models.Index(fields=["folded_name", "id"], name="organization_everywhere"),
            models.Index(fields=["instance", "id"], name="organization_of_instance"),
            models.Index(fields=["instance", "folded_name", "id"], name="organization_in_order"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["instance", "public_id"], name="organization_public_id_unique"
            )
        ]

    def __str__(self) -> str:
        return self.name or self.public_id

    @property
    def parent(self) -> Instance:
        return self.instance

    @property
    def parent_keys(self) -> dict[Level, int]:
        return {Level.INSTANCE: self.instance_id, Level.SYSTEM: 1}

    @property
    def instance_or_none(self) -> Instance:
        return self.instance


class UserManager(BaseUserManager["User"]):
    """Creates the users of Django's own commands: operators of the system, who belong to none."""

    def create_user(
        self, username: str, password: str | None = None, email: str = "", **fields: Any
    ) -> "User":
        """Create a user; operators have no organization. A None password can't sign in."""
        username = self.model.normalize_username(username)
        user = self.model(username=username, email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(
        self, username: str, password: str | None = None, email: str = "", **fields: Any
    ) -> "User":
        """Create an operator who may everything."""
        return self.create_user(
            username, password, email, is_staff=True, is_superuser=True, **fields
        )

    def get_by_natural_key(self, username: str | None) -> "User":
        """Return the operator of that name: only operators' names are unique everywhere."""
        return self.get(username=username, instance=None)


class User(AbstractBaseUser, Owner):
    """A person of an organization, or an operator of the system, who belongs to none.

    ``instance`` repeats the organization's, so that the database can keep ids and names unique
    within it; tenancy.services sets both.
    """

    level = Level.USER

    instance = models.ForeignKey(
        Instance, models.PROTECT, related_name="users", null=True, blank=True, db_index=False
    )
    organization = models.ForeignKey(
        Organization, models.PROTECT, related_name="users", null=True, blank=True, db_index=False
    )
    public_id = _public_id_field()
    username = models.CharField(_("username"), max_length=200)
    name = models.CharField(_("name"), max_length=200, blank=True)
    email = models.EmailField(_("email"), blank=True)
    folded_username = _folded("username")
    folded_name = _folded("name")
    folded_email = _folded("email", 254)
    is_active = models.BooleanField(_("active"), default=True)
    is_staff = models.BooleanField(
        _("may sign in to the admin"),
        default=False,
        help_text=_("What the user sees there follows from the roles."),
    )
    is_superuser = models.BooleanField(_("may everything"), default=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")
        ordering = ("folded_username", "pk")
        indexes = [
            models.Index(fields=["folded_username", "id"], name="user_everywhere"),
            models.Index(fields=["instance", "id"], name="user_of_instance"),
            models.Index(fields=["organization", "id"], name="user_of_organization"),
            models.Index(fields=["instance", "folded_name", "id"], name="user_by_name"),
            models.Index(fields=["instance", "folded_email", "id"], name="user_by_email"),
            models.Index(
                fields=["organization", "folded_name", "id"], name="user_by_name_in_organization"
            ),
            models.Index(
                fields=["organization", "folded_email", "id"], name="user_by_email_in_organization"
            ),
            # A search for an id is in every instance that one sees.
            models.Index(fields=["public_id"], name="user_public_id"),
            models.Index(fields=["instance", "folded_username", "id"], name="user_in_order"),
            models.Index(
                fields=["organization", "folded_username", "id"], name="user_in_organization"
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["instance", "public_id"], name="user_public_id_unique"),
            models.UniqueConstraint(fields=["instance", "username"], name="user_username_unique"),
            models.UniqueConstraint(
                fields=["public_id"],
                condition=Q(instance=None),
                name="operator_public_id_unique",
            ),
            models.UniqueConstraint(
                fields=["username"], condition=Q(instance=None), name="operator_username_unique"
            ),
            models.CheckConstraint(
                condition=Q(instance=None, organization=None)
                | Q(instance__isnull=False, organization__isnull=False),
                name="user_has_both_or_is_operator",
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.username

    @property
    def parent(self) -> Owner:
        return self.organization or System()

    @property
    def parent_keys(self) -> dict[Level, int]:
        if self.organization_id is None or self.instance_id is None:
            return {Level.SYSTEM: 1}
        return {
            Level.ORGANIZATION: self.organization_id,
            Level.INSTANCE: self.instance_id,
            Level.SYSTEM: 1,
        }

    @property
    def instance_or_none(self) -> Instance | None:
        return self.instance

    @property
    def resource_owner(self) -> str:
        """The organization's id; an operator belongs to the system."""
        return self.parent.resource_owner

    def has_perm(self, _perm: str, _obj: object = None) -> bool:
        """Django's own permissions are not used: the policy decides (access.policy)."""
        return self.is_active and self.is_superuser

    def has_perms(self, perm_list: Sequence[str], obj: object = None) -> bool:
        """As has_perm, for several."""
        return all(self.has_perm(perm, obj) for perm in perm_list)

    def has_module_perms(self, _app_label: str) -> bool:
        """As has_perm, for an app."""
        return self.is_active and self.is_superuser
