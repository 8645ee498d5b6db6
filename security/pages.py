"""The pages on which somebody begins, sees and ends an impersonation."""

from collections.abc import Callable
from functools import wraps
from typing import cast

from django.contrib import admin, messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from features.services import get_features
from security.impersonation import MayNotImpersonate, find_candidates
from security.rules import NOT_REACHED
from security.sessions import begin, impersonation_of, leave
from tenancy.models import User
from tenancy.translation import translate

View = Callable[..., HttpResponse]


def signed_in(view: View) -> View:
    """Serve the view to people who are signed in and may use the admin, or act as somebody."""

    @never_cache
    @login_required
    @wraps(view)
    def checked(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        if impersonation_of(request) is None and not cast("User", request.user).is_staff:
            return redirect("admin:login")
        return view(request, *args, **kwargs)

    return checked


@require_GET
@signed_in
def impersonation_page(request: HttpRequest) -> HttpResponse:
    """Show whom one may impersonate or, while it lasts, what counts for the subject."""
    impersonation = impersonation_of(request)
    context = admin.site.each_context(request)
    if impersonation:
        features = get_features(impersonation.subject).values
        context |= {"title": _("Impersonation"), "features": features}
    else:
        begins_with = request.GET.get("q", "").strip()[:200].replace("\x00", "")
        users = find_candidates(cast("User", request.user), begins_with)
        context |= {"title": _("Impersonate somebody"), "users": users, "q": begins_with}
    return render(request, "security/impersonation.html", context)


@require_POST
@signed_in
def begin_impersonation(request: HttpRequest, key: int) -> HttpResponse:
    """Begin to act as a user; a refusal says why."""
    try:
        subject = _find_subject(key)
        begin(request, subject)
    except MayNotImpersonate as error:
        messages.error(request, _("Not possible: %(reason)s.") % {"reason": translate(error)})
        return redirect("impersonation")
    return redirect("admin:index" if subject.is_staff else "impersonation")


@require_POST
@signed_in
def leave_impersonation(request: HttpRequest) -> HttpResponseRedirect:
    """End the impersonation and go back to being oneself."""
    leave(request)
    return redirect("impersonation")


def _find_subject(key: int) -> User:
    """Return the user of a primary key. Of nobody the same is said as of one out of reach."""
    users = User.objects.select_related("instance", "organization__instance")
    subject = users.filter(pk=key).first() if key < 2**63 else None
    if subject is None:
        raise MayNotImpersonate(NOT_REACHED)
    return subject
