"""Impersonating in the admin: the session names a running impersonation, the pages act on it."""

from collections.abc import Callable
from typing import cast

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.utils import timezone
from django.utils.translation import gettext as _

from access.actors import actor_for, author_of
from access.callers import origin_of
from access.models import Impersonation
from events.models import Surface
from events.services import Origin
from security.impersonation import end_impersonation, start_impersonation
from tenancy.models import User

SESSION_KEY = "impersonation"
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
FORMS = ("/admin/", "/impersonation/")  # where forms are sent in a subject's name


class ActAsSubject:
    """Let the one who impersonates be the subject, for whatever comes after this.

    ``request.impersonation`` is the running impersonation or None. Where it has just ended, nothing
    is done in the wrong name: a form that was sent for the subject is dropped with a message.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request.impersonation = None  # type: ignore[attr-defined]
        key = _session_value(request)
        if key is None:
            return self.get_response(request)
        impersonation = _find(key)
        if impersonation is None or impersonation.impersonator_id != request.user.pk:
            return self._forget(request)
        if not impersonation.is_running(timezone.now()):
            end_impersonation(impersonation, origin=_origin(request, impersonation))
            return self._forget(request)
        act_as_subject(request, impersonation)
        response = self.get_response(request)
        if request.session.get(SESSION_KEY) != key:
            # Ended by a click, or by signing out.
            end_impersonation(impersonation, origin=_origin(request, impersonation))
        return response

    def _forget(self, request: HttpRequest) -> HttpResponseBase:
        del request.session[SESSION_KEY]
        messages.info(request, _("The impersonation has ended. You are yourself again."))
        if request.method in SAFE_METHODS or not request.path.startswith(FORMS):
            return self.get_response(request)
        return HttpResponseRedirect(resolve_url("impersonation"))


def act_as_subject(request: HttpRequest, impersonation: Impersonation) -> None:
    """Make the subject the request's user and actor, with the impersonator named."""
    impersonator = author_of(impersonation.impersonator)
    request.impersonation = impersonation  # type: ignore[attr-defined]
    request.user = impersonation.subject
    request.actor = actor_for(impersonation.subject).impersonated_by(impersonator)  # type: ignore[attr-defined]


def begin(request: HttpRequest, subject: User) -> None:
    """Let whoever is signed in act as the subject from the next request on. MayNotImpersonate."""
    impersonator = cast("User", request.user)
    started = start_impersonation(
        impersonator,
        subject,
        origin=origin_of(request, actor_for(impersonator, ()), Surface.ADMIN),
        is_chained=impersonation_of(request) is not None,
    )
    request.session[SESSION_KEY] = started.pk
    request.session.cycle_key()


def leave(request: HttpRequest) -> None:
    """End the impersonation, if there is one; the middleware records it."""
    request.session.pop(SESSION_KEY, None)


def impersonation_of(request: HttpRequest) -> Impersonation | None:
    """Return the impersonation that the request's user is the subject of, or None."""
    return cast("Impersonation | None", getattr(request, "impersonation", None))


def _session_value(request: HttpRequest) -> int | None:
    """Return the impersonation that the session names; no session is read for who has none."""
    if settings.SESSION_COOKIE_NAME not in request.COOKIES:
        return None
    return cast("int | None", request.session.get(SESSION_KEY))


def _find(key: int) -> Impersonation | None:
    return (
        Impersonation.objects.select_related(
            "impersonator", "instance", "subject__instance", "subject__organization__instance"
        )
        .filter(pk=key)
        .first()
    )


def _origin(request: HttpRequest, impersonation: Impersonation) -> Origin:
    return origin_of(request, actor_for(impersonation.impersonator, ()), Surface.ADMIN)
