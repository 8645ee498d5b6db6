"""Bearer tokens: from an Authorization header to the actor that the policy is asked about."""

from typing import Any

from django.db.models import F, QuerySet, Subquery
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from access.actors import Actor, actor_for, author_of
from access.models import AccessToken
from access.permissions import Permission
from access.services import digest_of, note_token_use
from tenancy.models import User
from tenancy.prepared import PreparedQuery
from tenancy.revision import Revision

INVALID_TOKEN = "Errors.Token.Invalid"  # noqa: S105
INVALID_TOKEN_ID = "AUTH-7fs1e"  # noqa: S105


class InvalidCredentials(AuthenticationFailed):
    """Credentials that are unknown, wrong, expired or malformed; the answer never says which."""

    def __init__(self) -> None:
        super().__init__(INVALID_TOKEN, code=INVALID_TOKEN_ID)


class BearerAuthentication(BaseAuthentication):
    """``Authorization: Bearer …`` of a user's or an API client's token."""

    def authenticate(self, request: Request) -> tuple[Actor, AccessToken] | None:
        """Return the actor and the token, or None when the header is of another scheme."""
        scheme, _, token = get_authorization_header(request).partition(b" ")
        if scheme.lower() != b"bearer":
            return None
        address = request.META.get("REMOTE_ADDR", "")
        found = find_token(token.strip().decode("latin-1"), address=address)
        if found is None:
            raise InvalidCredentials
        actor, row, revision = found
        request._request.revision = revision  # type: ignore[attr-defined]
        return actor, row

    def authenticate_header(self, request: Request) -> str:
        """Name the scheme that a refused caller should try."""
        return 'Bearer realm="strata"'


def find_token(text: str, *, address: str) -> tuple[Actor, AccessToken, int] | None:
    """Return the actor of a valid token, its row and the revision, and note that it was used.

    None for any other text.
    """
    found = read_token(text, address=address)
    if found:
        note_token_use(found[1], timezone.now())
    return found


def _tokens_by_digest(digest: str) -> QuerySet[AccessToken]:
    """Return the token of a digest: a row for each role or client feature that its holder has."""
    tokens = AccessToken.objects.filter(digest=digest).select_related(
        "user__instance",
        "user__organization",
        "client__instance",
        "impersonation__impersonator",
        "impersonation__subject",
    )
    return tokens.annotate(
        held_role=F("user__memberships__role"),
        held_instance=F("user__memberships__instance_id"),
        held_organization=F("user__memberships__organization_id"),
        held_feature=F("client__features__name"),
        revision=Subquery(Revision.objects.values("token")[:1]),
    )


tokens_by_digest = PreparedQuery(_tokens_by_digest, "digest")


def read_token(text: str, *, address: str | None) -> tuple[Actor, AccessToken, int] | None:
    """Return the actor of a valid token, its row and the revision; None for any other text.

    One query reads the token, its user and the roles held, or its client and the client features,
    and the revision: a row for each. A client's allow list holds for its tokens: called from
    another ``address``, the actor has no grants; None asks about no address. The token of an
    impersonation is valid while that is running.
    """
    rows: list[Any] = tokens_by_digest(digest_of(text))
    now = timezone.now()
    if not rows or rows[0].expires_at <= now:
        return None
    token = rows[0]
    if token.user:
        actor = _user_actor(token.user, rows)
    else:
        held = [row.held_feature for row in rows if row.held_feature]
        actor = token.client.as_actor(held, address=address)
    if actor is None:
        return None
    if token.permissions is not None:
        actor = actor.limited_to(frozenset(map(Permission.parse, token.permissions)))
    if token.impersonation:
        if not token.impersonation.is_running(now):
            return None
        actor = actor.impersonated_by(author_of(token.impersonation.impersonator))
    return actor, token, token.revision or 0


def _user_actor(user: User, rows: list[Any]) -> Actor | None:
    if not user.is_active:
        return None
    if user.organization is not None and user.instance is not None:
        user.organization.instance = user.instance
    held = [
        (row.held_role, row.held_instance, row.held_organization) for row in rows if row.held_role
    ]
    return actor_for(user, held)
