"""The built-in features: a line each, in order. Synchronised into the definitions after migrate.

The line brings the API field, the admin control, the command option and the documentation. The
numbers are those of the request messages on the binary transports; None: the message lacks it.
Custom features are defined by administrators and stand in the database alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

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
    Builtin(key="login_default_org", name="Default organization at login", stage=STABLE, system=1, instance=1,
            description="Without an organization in the request, the login page takes the settings of the default organization instead of the instance's."),
    Builtin(key="oidc_trigger_introspection_projections", name="Trigger projections on introspection", stage=DEPRECATED, system=2, instance=2,
            description="Brings projections up to date during token introspection: a workaround for stale answers that costs speed."),
    Builtin(key="oidc_legacy_introspection", name="Legacy introspection", stage=DEPRECATED, system=3, instance=3,
            description="Goes back to the old code for token introspection."),
    Builtin(key="user_schema", name="User schemas", stage=EXPERIMENTAL, system=4, instance=4,
            description="Opens the API for schemas of user data, at an early stage."),
    Builtin(key="oidc_token_exchange", name="Token exchange", stage=EXPERIMENTAL, system=5, instance=5,
            description="Opens the token-exchange grant, for tokens of lesser scope or for impersonation; the security settings must allow impersonation as well."),
    Builtin(key="actions", name="Actions", stage=EXPERIMENTAL, system=6, instance=6,
            description="Opens the API for executions and their targets, at an early stage."),
    Builtin(key="improved_performance", name="Improved performance", stage=EXPERIMENTAL, system=7, instance=7,
            kind=ChoiceSet(tuple(IMPROVED_PERFORMANCE), IMPROVED_PERFORMANCE), default=[], answer_name="executionPaths",
            description="Takes faster execution paths, each named on its own; the path for organizations by id is deprecated."),
    Builtin(key="web_key", name="Web keys", stage=DEPRECATED, system=None, instance=8,
            description="Signs tokens with keys that are managed through the web key API."),
    Builtin(key="debug_oidc_parent_error", name="Parent errors in OIDC answers", stage=EXPERIMENTAL, system=None, instance=9,
            description="Adds the underlying error to the errors of the OIDC endpoints, for finding faults."),
    Builtin(key="oidc_single_v1_session_termination", name="End single sessions", stage=EXPERIMENTAL, system=8, instance=10,
            description="Ends just the session that an OIDC sign-out names, instead of all sessions of the browser."),
    Builtin(key="disable_user_token_event", name="No events for user tokens", stage=DEPRECATED, system=9, instance=11,
            description="Writes no event for each token that a user gets, which makes issuing them lighter."),
    Builtin(key="enable_back_channel_logout", name="Back-channel logout", stage=EXPERIMENTAL, system=10, instance=12,
            description="Tells applications of a sign-out directly, from server to server."),
    Builtin(key="login_v2", name="New login page", stage=STABLE, system=11, instance=13,
            kind=Object(LOGIN_V2_SCHEMA), default={"required": False}, answer_name=None,
            description="Requires the new login page for every application, optionally under a base URI of its own."),
    Builtin(key="permission_check_v2", name="Permission check, second version", stage=EXPERIMENTAL, system=12, instance=14,
            description="Checks permissions in the database query that lists the objects, instead of afterwards."),
    Builtin(key="console_use_v2_user_api", name="Console on the second user API", stage=EXPERIMENTAL, system=None, instance=15,
            description="Lets the console manage users through the second version of the user API."),
    Builtin(key="enable_relational_tables", name="Relational tables", stage=EXPERIMENTAL, system=13, instance=16,
            description="Reads and writes relational tables instead of projections of events."),
)
# fmt: on

BUILTINS_BY_KEY: Mapping[str, Builtin] = {builtin.key: builtin for builtin in BUILTINS}
