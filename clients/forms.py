"""What people type about API clients, checked for its form; the services check the rest."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from access.permissions import Action, Permission, Resource
from access.services import DESCRIPTION_LENGTH as DESCRIPTION_LENGTH_OF_TOKENS
from access.services import MAXIMUM_LIFETIME
from clients.catalogue import CLIENT_FEATURES
from clients.models import DESCRIPTION_LENGTH
from tenancy.spelling import did_you_mean

MAXIMUM_HOURS = 168


class FeaturesForm(forms.Form):
    """Which client features a client holds."""

    features = forms.MultipleChoiceField(
        label=_("Client features"),
        required=False,
        choices=[(name, name) for name in CLIENT_FEATURES],
    )


class DescriptionForm(forms.Form):
    """What people call a client."""

    description = forms.CharField(
        label=_("Description"), max_length=DESCRIPTION_LENGTH, help_text=_("What it is for.")
    )


class NetworksForm(forms.Form):
    """From where a client may call."""

    networks = forms.CharField(
        label=_("Allowed networks"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        help_text=_("One network a line, such as 10.0.0.0/8. Empty allows every address."),
    )

    @property
    def lines(self) -> list[str] | None:
        """The networks that were typed; None for none."""
        text: str = self.cleaned_data["networks"]
        return [line.strip() for line in text.splitlines() if line.strip()] or None


class RotationForm(forms.Form):
    """How long the secret before a new one still works."""

    hours = forms.IntegerField(
        label=_("The old secret works for so many hours more"),
        min_value=0,
        max_value=MAXIMUM_HOURS,
        initial=0,
        help_text=_("0 to 168; with 0 it ends at once."),
    )

    @property
    def overlap(self) -> timedelta:
        """The time for which both secrets work."""
        return timedelta(hours=self.cleaned_data["hours"])


class ExpiryForm(forms.Form):
    """When a client ends."""

    expires_on = forms.DateField(
        label=_("Expires after"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=_("The last day on which it may sign in (UTC). Empty: never."),
    )

    @property
    def moment(self) -> datetime | None:
        """The end of the day that was typed; None for never."""
        day = self.cleaned_data["expires_on"]
        if day is None:
            return None
        return datetime.combine(day, time.max.replace(microsecond=0), tzinfo=UTC)


class ClientForm(DescriptionForm, ExpiryForm, FeaturesForm):
    """A new client."""

    instance = forms.CharField(label=_("Instance"), help_text=_("Type its name or id."))
    field_order = ("instance", "description", "features", "expires_on")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.order_fields(self.field_order)


class TokenForm(forms.Form):
    """A new bearer token of a user."""

    description = forms.CharField(
        label=_("Description"),
        required=False,
        max_length=DESCRIPTION_LENGTH_OF_TOKENS,
        help_text=_("What it is for."),
    )
    expires_in_days = forms.IntegerField(
        label=_("Ends after so many days"),
        min_value=1,
        max_value=MAXIMUM_LIFETIME.days,
        help_text=_("1 to 365."),
    )
    permissions = forms.CharField(
        label=_("Permissions"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        help_text=_(
            "One a line, such as org.feature.read. Empty: all that the user and you both may do."
        ),
    )

    def clean_permissions(self) -> list[str] | None:
        """Return the names, None for none. ValidationError for each that is no permission."""
        text: str = self.cleaned_data["permissions"]
        names = [line.strip() for line in text.splitlines() if line.strip()]
        known = [str(Permission(resource, action)) for resource in Resource for action in Action]
        if unknown := [name for name in names if name not in known]:
            raise forms.ValidationError(
                [
                    _("There is no permission %(name)s.")
                    % {"name": f'"{name}"{did_you_mean(name, known)}'}
                    for name in unknown
                ]
            )
        return names or None
