from datetime import datetime

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from access.permissions import Role
from tenancy.levels import Level
from tenancy.models import Instance, Organization, Owner, System, User

ROLE_CHOICES = [(role.value, role.value) for role in Role]


def _roles_at(level: Level) -> list[str]:
    return [role.value for role in Role if role.level is level]


class Membership(models.Model):
    """A role that a user holds on the system, on an instance or on an organization.

    ``instance`` repeats the organization's, which never changes, so that the roles in one instance
    are found without the others': held on the instance itself is what has no organization.
    """

    user = models.ForeignKey(User, models.CASCADE, related_name="memberships", db_index=False)
    role = models.CharField(_("role"), max_length=40, choices=ROLE_CHOICES)
    instance = models.ForeignKey(
        Instance,
        models.CASCADE,
        related_name="memberships",
        null=True,
        blank=True,
        db_index=False,
    )
    organization = models.ForeignKey(
        Organization,
        models.CASCADE,
        related_name="memberships",
        null=True,
        blank=True,
        db_index=False,
    )
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        indexes = [
            models.Index(fields=["user", "id"], name="membership_of_user"),
            models.Index(fields=["instance", "id"], name="membership_of_instance"),
            models.Index(fields=["instance", "role", "id"], name="membership_instance_role"),
            models.Index(fields=["organization", "id"], name="membership_of_organization"),
            models.Index(
                fields=["organization", "role", "id"], name="membership_organization_role"
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "role"],
                condition=Q(instance=None, organization=None),
                name="membership_system_unique",
            ),
            models.UniqueConstraint(
                fields=["user", "role", "instance"],
                condition=Q(organization=None),
                name="membership_instance_unique",
            ),
            models.UniqueConstraint(
                fields=["user", "role", "organization"],
                condition=Q(organization__isnull=False),
                name="membership_organization_unique",
            ),
            models.CheckConstraint(
                condition=Q(role__in=_roles_at(Level.SYSTEM), instance=None, organization=None)
                | Q(
                    role__in=_roles_at(Level.INSTANCE),
                    instance__isnull=False,
                    organization=None,
                )
                | Q(
                    role__in=_roles_at(Level.ORGANIZATION),
                    instance__isnull=False,
                    organization__isnull=False,
                ),
                name="membership_role_fits_owner",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.role} on {self.owner}"

    @property
    def owner(self) -> Owner:
        """The owner on which the role is held."""
        return self.organization or self.instance or System()


class Impersonation(models.Model):
    """One user acting in another's name for a while, in the admin or with a token.

    ``ended_at`` is null until somebody ends it; after ``expires_at`` it has ended by itself.
    """

    instance = models.ForeignKey(Instance, models.CASCADE, related_name="impersonations")
    impersonator = models.ForeignKey(User, models.CASCADE, related_name="impersonations")
    subject = models.ForeignKey(User, models.CASCADE, related_name="impersonated")
    client_id = models.CharField(max_length=32, blank=True)  # who asked for the token, if one did
    started_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("impersonation")
        verbose_name_plural = _("impersonations")
        indexes = [
            models.Index(
                fields=["instance", "expires_at"],
                name="impersonation_running",
                condition=Q(ended_at=None),
            )
        ]

    def __str__(self) -> str:
        return f"{self.impersonator} as {self.subject}"

    def is_running(self, now: datetime) -> bool:
        """Whether it goes on: neither ended nor expired, and both people still may take part."""
        return (
            self.ended_at is None
            and now < self.expires_at
            and self.impersonator.is_active
            and self.subject.is_active
            and not self.subject.is_superuser
        )


class AccessToken(models.Model):
    """A bearer token of a user or of an API client. Only its digest is kept.

    ``instance`` repeats the user's or the client's, so that the tokens of one instance are found
    without the others'; an operator's token has none.
    """

    digest = models.CharField(max_length=64, unique=True)  # SHA-256 of the token, hexadecimal
    prefix = models.CharField(_("begins with"), max_length=20)
    instance = models.ForeignKey(
        Instance, models.CASCADE, related_name="+", null=True, blank=True, db_index=False
    )
    user = models.ForeignKey(
        User, models.CASCADE, related_name="tokens", null=True, blank=True, db_index=False
    )
    client = models.ForeignKey(
        "clients.ApiClient",
        models.CASCADE,
        related_name="tokens",
        null=True,
        blank=True,
        db_index=False,
    )
    impersonation = models.ForeignKey(
        Impersonation, models.CASCADE, related_name="tokens", null=True, blank=True
    )
    permissions = models.JSONField(_("permissions"), null=True)  # names; null: all of the holder's
    description = models.CharField(_("description"), max_length=200, blank=True)
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    expires_at = models.DateTimeField(_("expires"))
    last_used_at = models.DateTimeField(_("last used"), null=True)

    class Meta:
        verbose_name = _("access token")
        verbose_name_plural = _("access tokens")
        ordering = ("-id",)
        indexes = [
            models.Index(fields=["instance", "-id"], name="token_of_instance"),
            models.Index(fields=["user", "-id"], name="token_of_user"),
            models.Index(fields=["client", "-id"], name="token_of_client"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(user__isnull=False, client=None)
                | Q(user=None, client__isnull=False, instance__isnull=False),
                name="token_of_user_or_client",
            )
        ]

    def __str__(self) -> str:
        return f"{self.prefix}…"
