from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from tenancy.models import Instance


class ApiClient(models.Model):
    """A program that signs in to one instance with an id and a secret."""

    instance = models.ForeignKey(Instance, models.PROTECT, related_name="clients")
    client_id = models.CharField(_("client id"), max_length=32, unique=True)
    description = models.CharField(_("description"), max_length=1000)
    disabled = models.BooleanField(_("disabled"), default=False)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    last_used_at = models.DateTimeField(_("last used"), null=True)

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


class ClientFeature(models.Model):
    """A permission that a client holds."""

    client = models.ForeignKey(ApiClient, models.CASCADE, related_name="features")
    name = models.CharField(_("client feature"), max_length=40)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["client", "name"], name="client_feature_unique")
        ]

    def __str__(self) -> str:
        return self.name


class ClientSecret(models.Model):
    """The digest of a client's secret; ``expires_at`` is null for the newest."""

    client = models.ForeignKey(ApiClient, models.CASCADE, related_name="secrets")
    digest = models.CharField(max_length=64)  # SHA-256 of the secret, hexadecimal
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"secret of {self.client_id}"


class AllowedNetwork(models.Model):
    """A network in CIDR form, as it was given, from which a client may call."""

    client = models.ForeignKey(ApiClient, models.CASCADE, related_name="networks")
    cidr = models.CharField(_("network"), max_length=64)

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return self.cidr
