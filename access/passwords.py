"""The pages on which passwords are set: a user's by who administers them, and one's own."""

from typing import Any, cast

from django.contrib import messages
from django.contrib.admin.forms import AdminPasswordChangeForm
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.forms import PasswordChangeForm
from django.contrib.auth.views import PasswordChangeView
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse, reverse_lazy
from django.utils.translation import gettext as _

from access import forms
from access.pages import find_owner_or_404, owner_context
from access.policy import require_password
from access.services import held_by
from access.sites import actor_of, origin_of
from access.tenants import set_password
from tenancy.levels import Level
from tenancy.models import User


def user_password(request: HttpRequest, key: int) -> HttpResponse:
    """Ask for a user's new password, and set it; their sessions end with that."""
    actor = actor_of(request)
    user = cast("User", find_owner_or_404(actor, Level.USER.label, key))
    if user == request.user:
        return redirect("admin:password_change")  # which asks for the one of now
    require_password(actor, user, held_by(user))
    form = forms.PasswordForm(request.POST or None)
    back = reverse("admin:tenancy_user_change", args=[user.pk])
    if request.method == "POST" and form.is_valid():
        try:
            set_password(
                user, form.cleaned_data["password"], actor=actor, origin=origin_of(request)
            )
        except ValidationError as error:
            form.add_error("password", error.messages)
        else:
            text = _("%(name)s has a new password. All their sessions have ended.")
            messages.success(request, text % {"name": user})
            return redirect(back)
    context = owner_context(request, actor, user, "details")
    context |= {"form": form, "back": back, "verb": _("Set the password")}
    return TemplateResponse(request, "admin/tenants/password.html", context)


class OwnPassword(PasswordChangeView):
    """Changing one's own password, which takes the one of now."""

    form_class = AdminPasswordChangeForm
    success_url = reverse_lazy("admin:password_change_done")

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Refuse who acts in somebody else's name."""
        if actor_of(request).impersonator:
            raise PermissionDenied(_("Nobody changes a password in somebody else's name."))
        return super().dispatch(request, *args, **kwargs)

    def form_valid(self, form: PasswordChangeForm) -> HttpResponse:
        """Set it; this session goes on, every other one ends."""
        user = cast("User", self.request.user)
        password = form.cleaned_data["new_password1"]
        try:
            set_password(
                user, password, actor=actor_of(self.request), origin=origin_of(self.request)
            )
        except ValidationError as error:
            form.add_error("new_password1", error.messages)
            return self.form_invalid(form)
        user.refresh_from_db(fields=["password"])
        update_session_auth_hash(self.request, user)
        return HttpResponseRedirect(str(self.success_url))
