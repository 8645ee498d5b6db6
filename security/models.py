from django.db import models
from django.utils.translation import gettext_lazy as _

from security.settings import SecuritySettings
from tenancy.models import Instance


class InstanceSecurity(models.Model):
    """The stored security settings of an instance; no row means that nothing was ever set."""

    instance = models.OneToOneField(
        Instance, models.CASCADE, primary_key=True, related_name="security"
    )
    iframe_enabled = models.BooleanField(_("may be embedded"), default=False)
    allowed_origins = models.JSONField(_("allowed origins"), default=list)
    impersonation_enabled = models.BooleanField(_("impersonation"), default=False)

    class Meta:
        verbose_name = verbose_name_plural = _("security settings")

    def __str__(self) -> str:
        return f"security settings of {self.instance}"

    def as_settings(self) -> SecuritySettings:
        """Return the row as the value that the rest works with."""
        return SecuritySettings(
            self.iframe_enabled, tuple(self.allowed_origins), self.impersonation_enabled
        )
