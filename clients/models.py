from collections.abc import Iterable
from datetime import datetime

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from access.actors import Actor
from access.permissions import Grant
from clients.catalogue import permissions_of
from clients.networks import ANY_ADDRESS, is_address_allowed
from tenancy.levels import Level
from tenancy.models import Instance

DESCRIPTION_LENGTH = 1000


def any_address() -> list[str]:
    """The allow list of a new client."""
    return [ANY_ADDRESS]


class ApiClient(models.Model):
    """A program that signs in to one instance with an id and a secret.

    Two columns for secrets, not rows: only the newest and the one just before it can ever work.
    """

    instance = models.ForeignKey(
        Instance, models.PROTECT, related_name="clients", verbose_name=_("instance")
    )
    client_id = models.CharField(_("client id"), max_length=32, unique=True)
    description = models.CharField(_("description"), max_length=DESCRIPTION_LENGTH)
    # SHA-256 of the secrets, hexadecimal
    secret_digest = models.CharField(max_length=64, editable=False)
    previous_digest = models.CharField(max_length=64, blank=True, editable=False)
    previous_expires_at = models.DateTimeField(
        _("previous secret works until"), null=True, editable=False
    )
    networks = models.JSONField(_("allowed networks"), default=any_address)  # CIDR, as given
    disabled = models.BooleanField(_("disabled"), default=False)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    last_used_at = models.DateTimeField(_("last used"), null=True, editable=False)

    class Meta:
        verbose_name = _("API client")
        verbose_name_plural = _("API clients")
        ordering = ("id",)

    def __str__(self) -> str:
        return self.description or self.client_id

    @property
    def public_id(self) -> str:
        """The id by which the outside and the history know the client."""
        return self.client_id

    @property
    def feature_names(self) -> list[str]:
        """The client features held, as they were given; read ahead with prefetch_related."""
        return [feature.name for feature in self.features.all()]

    def is_usable(self, now: datetime) -> bool:
        """Whether the client may sign in at all: neither disabled nor expired."""
        return not self.disabled and (self.expires_at is None or self.expires_at > now)

    def as_actor(
        self, held: Iterable[str] | None = None, *, address: str | None = None
    ) -> Actor | None:
        """Return the actor that the client is when it calls from ``address``; None: it may not.

        From an address outside of the allow list it is an actor without grants, so that every
        surface refuses it as one that lacks a permission. Without an ``address`` none is checked.
        ``held`` are the client features where the caller has read them already.
        """
        if not self.is_usable(timezone.now()):
            return None
        names = self.feature_names if held is None else held
        grant = Grant(permissions_of(names), Level.INSTANCE, self.instance_id)
        is_allowed = address is None or is_address_allowed(address, self.networks)
        return Actor(
            "client",
            self.client_id,
            str(self),
            (grant,) if is_allowed else (),
            instance=self.instance,
            withheld="" if is_allowed else RefusalReason.ADDRESS,
        )


class ClientFeature(models.Model):
    """A permission that a client holds."""

    client = models.ForeignKey(ApiClient, models.CASCADE, related_name="features")
    name = models.CharField(_("client feature"), max_length=40)

    class Meta:
        verbose_name = _("client feature")
        verbose_name_plural = _("client features")
        ordering = ("id",)
        constraints = [
            models.UniqueConstraint(fields=["client", "name"], name="client_feature_unique")
        ]

    def __str__(self) -> str:
        return self.name


class RefusalReason(models.TextChoices):
    """Why an API client was refused; the client itself does not learn all of it."""

    SECRET = "secret", _("wrong secret")
    UNKNOWN = "unknown", _("unknown client id")
    EXPIRED = "expired", _("expired")
    DISABLED = "disabled", _("disabled")
    ADDRESS = "address", _("address not allowed")
    FEATURE = "feature", _("missing client feature")
    HOST = "host", _("host of another instance")


class Refusal(models.Model):
    """A request of an API client that was refused, and why. The newest of each client are kept.

    Rows hold texts, no foreign key: what is noted never waits for a client that is being changed,
    and costs the same for one that does not exist.
    """

    client_id = models.CharField(_("client id"), max_length=64)  # as sent; cut when longer
    reason = models.CharField(_("reason"), max_length=20, choices=RefusalReason.choices)
    detail = models.CharField(_("what was missing"), max_length=200, blank=True)
    address = models.CharField(_("address"), max_length=45, blank=True)
    request_id = models.CharField(_("request id"), max_length=40, blank=True)
    created_at = models.DateTimeField(_("time"), default=timezone.now)

    class Meta:
        verbose_name = _("refusal")
        verbose_name_plural = _("refusals")
        ordering = ("-id",)
        indexes = [
            models.Index(fields=["client_id", "-id"], name="refusal_of_client"),
            models.Index(fields=["-id"], name="refusal_of_unknown", condition=Q(reason="unknown")),
        ]

    def __str__(self) -> str:
        return f"{self.client_id} refused: {self.get_reason_display()}"
