"""Exchanging tokens for one that acts in another's name (RFC 8693), and telling about tokens."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from access.actors import Actor, actor_for, author_of
from access.authentication import read_token
from access.models import AccessToken
from access.permissions import names_of
from access.services import issue_token
from clients.models import ApiClient
from events.services import Origin
from features.services import explain
from security.impersonation import acting_for, start_impersonation
from security.oauth import InvalidGrant, InvalidRequest, OAuthError
from tenancy.identifiers import validate_public_id
from tenancy.models import Instance, User

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105
USER_ID = "urn:zitadel:params:oauth:token-type:user_id"
FEATURE = "oidc_token_exchange"


@dataclass(frozen=True)
class Subject:
    """Who a parameter means, with the token that said so, if one did."""

    user: User
    actor: Actor
    token: AccessToken | None = None

    @property
    def is_impersonated(self) -> bool:
        """Whether somebody already acts in this user's name."""
        return self.actor.impersonator is not None

    @property
    def expires_at(self) -> datetime | None:
        """When the token ends, if there is one."""
        return self.token.expires_at if self.token else None


@dataclass(frozen=True)
class Call:
    """A call of a client that may make it."""

    client: ApiClient
    parameters: Mapping[str, str]
    origin: Origin


def exchange_token(call: Call) -> dict[str, Any]:
    """Return the answer with a new token of the subject. OAuthError or MayNotImpersonate.

    The token acts as the subject with the actor's holder named as the impersonator, for an hour at
    most, and never longer than the tokens that it was given for.
    """
    instance, parameters = call.client.instance, call.parameters
    _check_grant_type(instance, parameters)
    read_subject = _choose(parameters, "subject_token_type", SUBJECTS)
    read_actor = _choose(parameters, "actor_token_type", ACTORS)
    if "requested_token_type" in parameters:
        _choose(parameters, "requested_token_type", ACTORS)
    subject = read_subject(instance, "subject_token", _required(parameters, "subject_token"))
    impersonator = read_actor(instance, "actor_token", _required(parameters, "actor_token"))
    scope = _choose_scope(subject, impersonator, parameters.get("scope"))
    ends = [moment for moment in (subject.expires_at, impersonator.expires_at) if moment]
    with transaction.atomic():
        started = start_impersonation(
            impersonator.user,
            subject.user,
            origin=call.origin,
            expires_at=min(ends),
            client_id=call.client.client_id,
            is_chained=subject.is_impersonated or impersonator.is_impersonated,
        )
        issued = issue_token(
            subject.user,
            actor=author_of(subject.user),
            origin=acting_for(started, call.origin),
            lifetime=started.expires_at - timezone.now(),
            permissions=scope,
            description=f"impersonated by {impersonator.user}"[:200],
            impersonation=started,
        )
    return {
        "access_token": issued.text,
        "issued_token_type": ACCESS_TOKEN,
        "token_type": "Bearer",
        "expires_in": int((started.expires_at - started.started_at).total_seconds()),
        "scope": " ".join(scope),
    }


def introspect_token(call: Call) -> dict[str, Any]:
    """Return what a token of the client's instance means (RFC 7662); of any other: inactive."""
    found = read_token(_required(call.parameters, "token"), address=None)
    if found is None:
        return {"active": False}
    actor, token, _revision = found
    holder = token.user or token.client
    if holder is None or holder.instance_id != call.client.instance_id:
        return {"active": False}
    answer: dict[str, Any] = {
        "active": True,
        "sub": actor.id,
        "scope": " ".join(names_of(actor.permissions)),
        "exp": int(token.expires_at.timestamp()),
        "iat": int(token.created_at.timestamp()),
        "token_type": "Bearer",
    }
    if actor.impersonator:
        answer["act"] = {"sub": actor.impersonator.id}
    if client_id := _client_of(token):
        answer["client_id"] = client_id
    return answer


def _check_grant_type(instance: Instance, parameters: Mapping[str, str]) -> None:
    if _required(parameters, "grant_type") != GRANT_TYPE:
        raise OAuthError("unsupported_grant_type", f"the grant_type must be {GRANT_TYPE}")
    if explain(instance, FEATURE).effective.value is not True:
        raise OAuthError(
            "unsupported_grant_type", f"the feature {FEATURE} is off for this instance"
        )


def _required(parameters: Mapping[str, str], name: str) -> str:
    try:
        return parameters[name]
    except KeyError:
        raise InvalidRequest(f"{name} is missing") from None


Read = Callable[[Instance, str, str], Subject]


def _choose(parameters: Mapping[str, str], name: str, known: Mapping[str, Read]) -> Read:
    """Return what belongs to the token type that a parameter names."""
    kind = _required(parameters, name)
    if kind not in known:
        raise InvalidRequest(f"{name} must be {' or '.join(known)}")
    return known[kind]


def _by_token(instance: Instance, parameter: str, text: str) -> Subject:
    """Return the holder of a user's token; an operator's token is valid at every instance."""
    found = read_token(text, address=None)
    user = found[0].user if found else None
    if found is None or user is None or user.instance_id not in {None, instance.pk}:
        raise InvalidGrant(parameter)
    return Subject(user, found[0], found[1])


def _by_id(instance: Instance, parameter: str, public_id: str) -> Subject:
    """Return the user of an id: of the instance, or else an operator (whom the rules refuse)."""
    try:
        validate_public_id(public_id)
    except ValidationError as error:
        raise InvalidRequest(f"{parameter} {error.messages[0]}") from None
    users = User.objects.select_related("instance", "organization__instance").filter(
        public_id=public_id, is_active=True
    )
    user = users.filter(instance=instance).first() or users.filter(instance=None).first()
    if user is None:
        raise InvalidGrant(parameter)
    return Subject(user, actor_for(user))


ACTORS: Mapping[str, Read] = {ACCESS_TOKEN: _by_token}
SUBJECTS: Mapping[str, Read] = {ACCESS_TOKEN: _by_token, USER_ID: _by_id}


def _choose_scope(subject: Subject, impersonator: Subject, asked: str | None) -> list[str]:
    """Return the permissions of the new token: those asked for, or all that it can have."""
    actor = subject.actor.impersonated_by(author_of(impersonator.user))
    possible = names_of(actor.permissions)
    if asked is None:
        return possible
    names = asked.split(" ")
    if unknown := sorted(set(names) - set(possible)):
        raise OAuthError("invalid_scope", f"the subject does not have {unknown[0]!r}")
    return sorted(set(names))


def _client_of(token: AccessToken) -> str:
    """Return the client that holds the token or got it for a user; none for a user's own."""
    if token.client:
        return token.client.client_id
    return token.impersonation.client_id if token.impersonation else ""
