"""The built-in features: a line each, in order. Synchronised into the definitions after migrate.

The line brings the API field, the admin control, the command option and the documentation. The
numbers are those of the request messages on the binary transports; None: the message lacks it.
Custom features are defined by administrators and stand in the database alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from features.kinds import Boolean, ChoiceSet, Kind, Object
from features.models import Stage
from tenancy.levels import OWNED_LEVELS, Level


@dataclass(frozen=True, kw_only=True)
class Builtin:
    """A built-in feature. ``system`` and ``instance`` are its proto field numbers in requests.

    ``answer_name`` is the member that holds the value in an answer; None spreads an object's own
    properties beside the source.
    """

    key: str
    name: str
    description: str
    stage: Stage
    system: int | None
    instance: int
    kind: Kind = field(default_factory=Boolean)
    default: Any = False
    answer_name: str | None = "enabled"

    @property
    def levels(self) -> tuple[Level, ...]:
        """Where the feature may be set: at the system only where its message has a field."""
        return OWNED_LEVELS if self.system is not None else OWNED_LEVELS[1:]


EXPERIMENTAL, STABLE, DEPRECATED = Stage.EXPERIMENTAL, Stage.STABLE, Stage.DEPRECATED

IMPROVED_PERFORMANCE = {
    "IMPROVED_PERFORMANCE_ORG_BY_ID": 1,
    "IMPROVED_PERFORMANCE_PROJECT_GRANT": 2,
    "IMPROVED_PERFORMANCE_PROJECT": 3,
    "IMPROVED_PERFORMANCE_USER_GRANT": 4,
    "IMPROVED_PERFORMANCE_ORG_DOMAIN_VERIFIED": 5,
}

LOGIN_V2_SCHEMA = {
    "type": "object",
    "properties": {
        "required": {"type": "boolean", "default": False},
        "base_uri": {"type": "string", "format": "http-uri"},
    },
    "additionalProperties": False,
}

# fmt: off
BUILTINS: tuple[Builtin, ...] = (
    Builtin(key="login_default_org", name=_("Default organization at login"), stage=STABLE, system=1, instance=1,
            description=_("Without an organization in the request, the login page takes the settings of the default organization instead of the instance's.")),
    Builtin(key="oidc_trigger_introspection_projections", name=_("Trigger projections on introspection"), stage=DEPRECATED, system=2, instance=2,
            description=_("Brings projections up to date during token introspection: a workaround for stale answers that costs speed.")),
    Builtin(key="oidc_legacy_introspection", name=_("Legacy introspection"), stage=DEPRECATED, system=3, instance=3,
            description=_("Goes back to the old code for token introspection.")),
    Builtin(key="user_schema", name=_("User schemas"), stage=EXPERIMENTAL, system=4, instance=4,
            description=_("Opens the API for schemas of user data, at an early stage.")),
    Builtin(key="oidc_token_exchange", name=_("Token exchange"), stage=EXPERIMENTAL, system=5, instance=5,
            description=_("Opens the token-exchange grant, for tokens of lesser scope or for impersonation; the security settings must allow impersonation as well.")),
    Builtin(key="actions", name=_("Actions"), stage=EXPERIMENTAL, system=6, instance=6,
            description=_("Opens the API for executions and their targets, at an early stage.")),
    Builtin(key="improved_performance", name=_("Improved performance"), stage=EXPERIMENTAL, system=7, instance=7,
            kind=ChoiceSet(tuple(IMPROVED_PERFORMANCE), IMPROVED_PERFORMANCE), default=[], answer_name="executionPaths",
            description=_("Takes faster execution paths, each named on its own; the path for organizations by id is deprecated.")),
    Builtin(key="web_key", name=_("Web keys"), stage=DEPRECATED, system=None, instance=8,
            description=_("Signs tokens with keys that are managed through the web key API.")),
    Builtin(key="debug_oidc_parent_error", name=_("Parent errors in OIDC answers"), stage=EXPERIMENTAL, system=None, instance=9,
            description=_("Adds the underlying error to the errors of the OIDC endpoints, for finding faults.")),
    Builtin(key="oidc_single_v1_session_termination", name=_("End single sessions"), stage=EXPERIMENTAL, system=8, instance=10,
            description=_("Ends just the session that an OIDC sign-out names, instead of all sessions of the browser.")),
    Builtin(key="disable_user_token_event", name=_("No events for user tokens"), stage=DEPRECATED, system=9, instance=11,
            description=_("Writes no event for each token that a user gets, which makes issuing them lighter.")),
    Builtin(key="enable_back_channel_logout", name=_("Back-channel logout"), stage=EXPERIMENTAL, system=10, instance=12,
            description=_("Tells applications of a sign-out directly, from server to server.")),
    Builtin(key="login_v2", name=_("New login page"), stage=STABLE, system=11, instance=13,
            kind=Object(LOGIN_V2_SCHEMA), default={"required": False}, answer_name=None,
            description=_("Requires the new login page for every application, optionally under a base URI of its own.")),
    Builtin(key="permission_check_v2", name=_("Permission check, second version"), stage=EXPERIMENTAL, system=12, instance=14,
            description=_("Checks permissions in the database query that lists the objects, instead of afterwards.")),
    Builtin(key="console_use_v2_user_api", name=_("Console on the second user API"), stage=EXPERIMENTAL, system=None, instance=15,
            description=_("Lets the console manage users through the second version of the user API.")),
    Builtin(key="enable_relational_tables", name=_("Relational tables"), stage=EXPERIMENTAL, system=13, instance=16,
            description=_("Reads and writes relational tables instead of projections of events.")),
)
# fmt: on

BUILTINS_BY_KEY: Mapping[str, Builtin] = {builtin.key: builtin for builtin in BUILTINS}


def keys_that_speak_of(text: str) -> list[str]:
    """Return the built-in features whose name or description has a text, as the reader sees it."""
    folded = text.lower()
    return [
        builtin.key
        for builtin in BUILTINS
        if folded in gettext(builtin.name).lower() or folded in gettext(builtin.description).lower()
    ]


def keys_named(text: str) -> list[str]:
    """Return the built-in features that the reader knows by exactly this name."""
    folded = text.lower()
    return [builtin.key for builtin in BUILTINS if gettext(builtin.name).lower() == folded]
