"""The client features: what each permits an API client to do to its instance, in one table."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.translation import gettext_noop as _

from access.permissions import ALL_ACTIONS, Action, Permissions, Resource, permissions

_BELOW_INSTANCE = (Resource.ORGANIZATION_FEATURE, Resource.USER_FEATURE)
_FEATURES = (Resource.INSTANCE_FEATURE, *_BELOW_INSTANCE)

OWNER = "owner"


@dataclass(frozen=True)
class ClientFeatureInfo:
    """What a client feature permits, with the sentence that explains it to people.

    What it implies counts when permission is decided and is never stored. ``is_alone``: a client
    that holds it holds nothing else.
    """

    name: str
    permissions: Permissions
    explanation: str
    is_alone: bool = False


_READ_FEATURES = permissions(_FEATURES, Action.READ)

CLIENT_FEATURES: dict[str, ClientFeatureInfo] = {
    info.name: info
    for info in (
        ClientFeatureInfo(
            OWNER,
            permissions(
                (*_FEATURES, Resource.POLICY, Resource.CLIENTS, Resource.TOKENS), *ALL_ACTIONS
            ),
            _(
                "Administers the instance: its API clients, security settings, tokens, and the "
                "features of the instance, its organizations and users."
            ),
        ),
        ClientFeatureInfo(
            "access_issuer",
            permissions([Resource.TOKENS], *ALL_ACTIONS),
            _(
                "Issues, lists and ends access tokens for users of the instance, and for API "
                "clients that may do no more than itself."
            ),
        ),
        ClientFeatureInfo(
            "direct_access",
            permissions(_BELOW_INSTANCE, *ALL_ACTIONS) | _READ_FEATURES,
            _(
                "Reads and writes the features of organizations and users. Includes "
                "direct_read_access."
            ),
        ),
        ClientFeatureInfo(
            "direct_read_access",
            _READ_FEATURES,
            _(
                "Reads the features of the instance, its organizations and users: the values that "
                "count and each level's own."
            ),
        ),
        ClientFeatureInfo(
            "login_client",
            permissions(_FEATURES, Action.EFFECTIVE),
            _(
                "Reads only the values that count, at every level of the instance; meant for front "
                "ends. Held alone."
            ),
            is_alone=True,
        ),
    )
}


def permissions_of(names: Iterable[str]) -> Permissions:
    """Return what the client features of these names permit together.

    A name that the table does not know permits nothing.
    """
    known = (CLIENT_FEATURES[name] for name in names if name in CLIENT_FEATURES)
    return frozenset[object]().union(*(info.permissions for info in known))  # type: ignore[return-value]
