"""What people type about tenants and roles, checked for its form; the services check the rest."""

from typing import Any

from django import forms
from django.contrib.auth.password_validation import password_validators_help_text_html
from django.utils.functional import lazy
from django.utils.translation import gettext_lazy as _

from access.role_texts import role_choices
from tenancy.identifiers import PUBLIC_ID_MAX_LENGTH


class NameForm(forms.Form):
    """An organization that exists."""

    name = forms.CharField(label=_("Name"), max_length=200)


class InstanceForm(NameForm):
    """An instance that exists."""

    domains = forms.CharField(
        label=_("Domains"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        help_text=_("One a line; the instance answers under these host names."),
    )

    def clean_domains(self) -> list[str]:
        """Return the domains as a list."""
        text: str = self.cleaned_data["domains"]
        return [line.strip() for line in text.splitlines() if line.strip()]


class UserForm(forms.Form):
    """A user who exists."""

    username = forms.CharField(label=_("Username"), max_length=200)
    name = forms.CharField(label=_("Name"), max_length=200, required=False)
    email = forms.EmailField(label=_("Email"), required=False)
    is_active = forms.BooleanField(
        label=_("Active"), required=False, initial=True, help_text=_("May sign in at all.")
    )
    is_staff = forms.BooleanField(
        label=_("May sign in to the admin"),
        required=False,
        help_text=_("What the user sees there follows from the roles."),
    )


class WithId(forms.Form):
    """The id of a new tenant."""

    public_id = forms.CharField(
        label=_("Id"),
        required=False,
        max_length=PUBLIC_ID_MAX_LENGTH,
        help_text=_("Of your identity provider, say; generated when empty."),
    )


class Picker(forms.CharField):
    """A text that names an owner, with suggestions of some levels as one types."""

    def __init__(self, *levels: str, **options: Any) -> None:
        super().__init__(**options)
        self.levels = levels


class NewInstanceForm(InstanceForm, WithId):
    """A new instance."""


class NewOrganizationForm(NameForm, WithId):
    """A new organization."""

    parent = Picker("instance", label=_("Instance"), help_text=_("Type its name or id."))
    field_order = ("parent", "name", "public_id")


class NewUserForm(UserForm, WithId):
    """A new user."""

    parent = Picker("organization", label=_("Organization"), help_text=_("Type its name or id."))
    password = forms.CharField(
        label=_("Password"),
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("Empty: the user cannot sign in with one."),
    )
    is_active = None  # type: ignore[assignment]  # a new user is
    field_order = ("parent", "username", "name", "email", "password", "is_staff", "public_id")


class MembershipForm(forms.Form):
    """A role for somebody, on something."""

    user = Picker("user", label=_("Who"), help_text=_("Type the name or username."))
    role = forms.ChoiceField(label=_("Role"), choices=role_choices)
    owner = Picker(
        "instance",
        "organization",
        label=_("On"),
        required=False,
        help_text=_("An instance or organization; empty for a role of the system."),
    )


class PasswordForm(forms.Form):
    """A new password, typed twice."""

    password = forms.CharField(
        label=_("New password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=lazy(password_validators_help_text_html, str)(),
    )
    password_again = forms.CharField(
        label=_("New password again"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def clean_password_again(self) -> str:
        """Return the password. ValidationError when it was typed in two ways."""
        again: str = self.cleaned_data["password_again"]
        if self.cleaned_data.get("password", again) != again:
            raise forms.ValidationError(_("These are two different passwords."))
        return again
