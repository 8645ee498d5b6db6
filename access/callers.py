"""Who calls, which instance is meant, and how the history names the call: for every API alike."""

from dataclasses import dataclass

from django.core.exceptions import DisallowedHost, ObjectDoesNotExist, PermissionDenied
from django.http import HttpRequest
from rest_framework.authentication import get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, NotAuthenticated
from rest_framework.request import Request

from access.actors import Actor
from access.authentication import InvalidCredentials
from events.models import Surface
from events.services import Origin
from tenancy.hosts import find_instance, is_accepted_host
from tenancy.models import Instance
from tenancy.revision import current_revision

HOST_SHOWN = 300  # characters of a host that is none


class UnknownHost(ObjectDoesNotExist):
    """No instance answers under the host that the request names."""

    def __init__(self, host: str) -> None:
        super().__init__(f'no instance answers at the host "{host}": use the domain of an instance')


class PlainHttp(Exception):
    """A request without TLS where the settings ask for it."""

    def __init__(self) -> None:
        super().__init__("this API is served over HTTPS only")


@dataclass(frozen=True)
class Caller:
    """Who asks, at which instance, and the revision that the request is answered at."""

    instance: Instance
    actor: Actor
    revision: int

    @property
    def principal(self) -> str:
        """Who asks, and at which instance, as a text that what belongs to them is found by.

        By key, for an operator and an instance's user may have the same id; and whoever acts in
        another's name is not that other.
        """
        who = self.actor.id if self.actor.user is None else str(self.actor.user.pk)
        behalf = self.actor.impersonator
        through = f" through {behalf.id}" if behalf else ""
        return f"{self.actor.type}:{who}@{self.instance.pk}{through}"


def identify(request: Request) -> Caller:
    """Return the caller, asking the request's authenticators.

    An unknown instance is said first (UnknownHost), then bad or no credentials
    (AuthenticationFailed, NotAuthenticated), then a host of another instance (PermissionDenied).
    """
    failure: AuthenticationFailed | None = None
    actor: Actor | None = None
    try:
        actor = request.user  # type: ignore[assignment]
    except AuthenticationFailed as error:
        failure = error
    revision = revision_of(request._request)
    instance = instance_of(host_of(request._request), actor, revision)
    if failure or actor is None:
        has_header = bool(get_authorization_header(request))
        raise failure or (InvalidCredentials() if has_header else NotAuthenticated())
    return Caller(instance, actor, revision)


def revision_of(request: HttpRequest) -> int:
    """Return the revision that the request is answered at, which is read once for all."""
    revision: int | None = getattr(request, "revision", None)
    if revision is None:
        revision = current_revision()
        request.revision = revision  # type: ignore[attr-defined]
    return revision


def host_of(request: HttpRequest) -> str:
    """Return the host that a request names. UnknownHost for a text that is none."""
    try:
        return request.get_host()
    except DisallowedHost:
        raise UnknownHost(request.META.get("HTTP_HOST", "")[:HOST_SHOWN]) from None


def origin_of(request: HttpRequest, actor: Actor, surface: Surface) -> Origin:
    """Return how the history records what the request changes."""
    return Origin(
        surface=surface,
        request_id=getattr(request, "request_id", ""),
        address=request.META.get("REMOTE_ADDR", ""),
        on_behalf_of=actor.impersonator,
    )


def instance_of(host: str, actor: Actor | None, revision: int) -> Instance:
    """Return the instance that a host means, or the one that the actor is bound to.

    UnknownHost where none is meant; PermissionDenied where host and actor name different ones.
    """
    bound_to = actor.instance if actor else None
    named = find_instance(host, revision)
    if bound_to is None or not is_accepted_host(host, revision):
        if named is None:
            raise UnknownHost(host)
        return named
    if named is not None and named != bound_to:
        raise PermissionDenied("the host and the credentials name different instances")
    return bound_to
