"""What people type about a definition; features.defining checks what it means."""

import json
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from features.kinds import InvalidKind, InvalidValue, make_kind
from features.models import Feature, KindName, Stage
from tenancy.levels import OWNED_LEVELS, Level
from tenancy.translation import translate


class BoundedDecoder(json.JSONDecoder):
    """Takes what Python can't read, endless numbers and nesting, for no JSON."""

    def decode(self, s: str, *args: Any) -> Any:
        """Return the value of a text. JSONDecodeError for none."""
        try:
            return super().decode(s, *args)
        except json.JSONDecodeError:
            raise
        except (ValueError, RecursionError):
            raise json.JSONDecodeError("too large", s, 0) from None


class ExpiryForm(forms.Form):
    """What may be changed of a built-in feature."""

    expires_on = forms.DateField(
        label=gettext_lazy("To be removed by"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=gettext_lazy("A reminder; nothing happens."),
    )


class DefinitionForm(ExpiryForm):
    """A feature that an administrator defines. Kind, options and default are checked together."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=200)
    description = forms.CharField(
        label=gettext_lazy("What it does"),
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    kind = forms.ChoiceField(label=gettext_lazy("Kind"), choices=KindName.choices)
    options = forms.JSONField(
        label=gettext_lazy("Options of the kind"),
        required=False,
        initial=dict,
        decoder=BoundedDecoder,
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
        help_text=gettext_lazy('JSON, such as {"minimum": 0} or {"choices": ["red", "blue"]}.'),
    )
    default = forms.CharField(
        label=gettext_lazy("Default"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
        help_text=gettext_lazy("What counts when nobody sets it: on, off, or JSON."),
    )
    levels = forms.MultipleChoiceField(
        label=gettext_lazy("May be set at"),
        choices=[(level.label, gettext_lazy(level.label)) for level in OWNED_LEVELS],
        initial=[level.label for level in OWNED_LEVELS],
        widget=forms.CheckboxSelectMultiple,
    )
    stage = forms.ChoiceField(
        label=gettext_lazy("Stage"), choices=Stage.choices, initial=Stage.EXPERIMENTAL
    )
    field_order = (
        *("key", "name", "description", "kind", "options", "default", "levels"),
        *("stage", "expires_on"),
    )

    def clean_options(self) -> dict[str, Any]:
        """Return the options; nothing typed is none."""
        return self.cleaned_data["options"] or {}

    def clean(self) -> dict[str, Any]:
        """Turn the default into a value of the kind."""
        cleaned = super().clean() or {}
        try:
            kind = make_kind(cleaned.get("kind", ""), cleaned.get("options", {}))
        except InvalidKind as error:
            self.add_error("options", translate(error))
            return cleaned
        try:
            cleaned["default"] = kind.parse_text(cleaned.get("default", ""))
        except InvalidValue as error:
            self.add_error("default", _("The default %(reason)s.") % {"reason": translate(error)})
        return cleaned


class NewDefinitionForm(DefinitionForm):
    """A new feature, whose key never changes."""

    key = forms.CharField(
        label=gettext_lazy("Key"),
        max_length=100,
        help_text=gettext_lazy("Small letters, digits and underscores. It never changes."),
    )


def initial_of(feature: Feature) -> dict[str, Any]:
    """Return a definition as its form shows it."""
    default = feature.default
    return {
        "name": feature.name,
        "description": feature.description,
        "kind": feature.kind,
        "options": feature.options,
        "default": default if isinstance(default, str) else json.dumps(default),
        "levels": [Level(number).label for number in feature.levels],
        "stage": feature.stage,
        "expires_on": feature.expires_on,
    }
