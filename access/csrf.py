"""What is answered to a form whose token is not the session's: somebody signed in meanwhile."""

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from access.sites import strata_site
from access.typed import is_of_another, keep


def refuse(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Give what was typed back, to be sent again by its writer; refuse what is not our own form.

    A form that another site sent is never filled in for anybody: they would send it for that site.
    """
    match = request.resolver_match
    site = strata_site()
    if match is None or match.namespace != site.name or not _is_own(request):
        return render(request, "403_csrf.html", {"reason": reason}, status=403)
    if match.url_name == "login":
        return site.sign_in_again(request)
    if not site.has_permission(request):
        return site.ask_to_sign_in(request)
    if is_of_another(request):
        return site.refuse_foreign(request)
    if match.url_name == "logout":
        messages.warning(request, _("You had signed in again meanwhile. Sign out here."))
        return redirect("admin:index")
    keep(request)
    return redirect(request.get_full_path())


def _is_own(request: HttpRequest) -> bool:
    """Whether a browser says that the form came from a page of ours, as each does for a POST."""
    ours = {f"{request.scheme}://{request.get_host()}", *settings.CSRF_TRUSTED_ORIGINS}
    return request.headers.get("Origin") in ours
