"""One table of cases of the feature API, and what a way in must offer to run through it.

The cases stand in tests/cases/feature_api*.json. Each says what is given, who calls which method
with which message, what comes back and which events were written. A way in (REST here, the binary
transports elsewhere) is a `Caller`: it sends a message and brings the answer into an `Outcome`.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

from django.utils import timezone

from access.models import AccessToken
from access.permissions import Role
from access.services import revoke_token
from events.models import Event
from features.definitions import current_definitions
from features.models import Feature, Stage
from features.serializers import parse_change_set
from features.services import lock_feature, set_features
from tenancy.levels import Level
from tenancy.models import Instance, Organization, Owner, System, User
from tenancy.revision import touch_revision
from tenancy.services import create_instance, create_organization, create_user
from tests.factories import BY, Cast, make_cast, make_holder, token_for

CASES = Path(__file__).parent / "cases"
CHANGE_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
FEATURE_STREAMS = [level.label for level in Level if level is not Level.DEFAULT]
LEVEL_OF_METHOD = re.compile(r"(Set|Reset|Get)(System|Instance|Organization|User)Features")

# key, kind, options, default, and what else differs from an ordinary definition
CUSTOM_FEATURES: tuple[tuple[str, str, dict[str, Any], Any, dict[str, Any]], ...] = (
    ("beta_banner", "boolean", {}, True, {}),
    ("max_devices", "integer", {"minimum": 0, "maximum": 100}, 5, {}),
    ("sample_rate", "number", {"minimum": 0}, 0.5, {}),
    ("greeting", "string", {"max_length": 20}, "", {}),
    ("theme", "choice", {"choices": ["light", "dark"]}, "light", {}),
    ("modules", "choice_set", {"choices": ["mail", "chat", "files"]}, ["mail"], {}),
    (
        "quota",
        "object",
        {
            "schema": {
                "type": "object",
                "properties": {
                    "disk_space": {"type": "integer", "minimum": 0},
                    "owners": {"type": "array", "items": {"type": "string"}},
                },
                "additionalProperties": False,
            }
        },
        {},
        {},
    ),
    ("for_organizations", "boolean", {}, False, {"levels": [Level.ORGANIZATION.value]}),
    ("old_switch", "boolean", {}, False, {"stage": Stage.RETIRED}),
    ("off_switch", "boolean", {}, False, {"enabled": False}),
)


@dataclass(frozen=True)
class Failure:
    """An error: the gRPC code, the whole message, the id in ErrorDetail, the field violations."""

    code: int
    message: str
    id: str = ""
    violations: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What came back: details and features, or a failure.

    ``details`` has the keys of REST (sequence, changeDate, resourceOwner, creationDate) and texts.
    ``features`` maps a JSON name to (value, source name), the value as a request would write it.
    """

    details: dict[str, str] = field(default_factory=dict)
    features: dict[str, tuple[Any, str]] = field(default_factory=dict)
    failure: Failure | None = None


class Unsayable(Exception):
    """A way in cannot put this message into its format, such as a text where it has a boolean."""


class Caller(Protocol):
    """A way in to the feature API. ``keeps_order``: whether fields arrive as they were sent."""

    keeps_order: bool

    def call(self, method: str, message: Mapping[str, Any], token: str | None) -> Outcome:
        """Call a method of the feature service and bring its answer into one form.

        ``message`` is the request as JSON: ``organizationId`` or ``userId`` and ``inheritance``,
        where the method has them, beside the features by their JSON names. SetInstanceFeature has
        ``instanceId``, ``featureId`` and ``bool``. The host is that of the instance "main".
        """
        ...


@dataclass
class World:
    """The cast, a second instance with dave in it, custom features, and a token for anybody."""

    cast: Cast
    other: Instance
    initech: Organization
    dave: User

    def owner(self, name: str) -> Owner:
        """Return the owner that the cases call so."""
        named: dict[str, Owner] = {
            "system": System(),
            "instance": self.cast.instance,
            "organization": self.cast.acme,
            "user": self.cast.bob,
            "other": self.other,
            "initech": self.initech,
        }
        return named[name]

    def token(self, name: str) -> str | None:
        """Return a token of a member of the cast, of a new holder of a role, or an odd one."""
        match name:
            case "nobody":
                return None
            case "unknown":
                return "strata_" + "a" * 40
            case "expired" | "revoked" | "inactive":
                return self._spoiled_token(name)
            case "dave":
                return token_for(self.dave)
            case "OTHER_OWNER":
                return token_for(make_holder(Role.IAM_OWNER, self.other))
            case _ if name in Role.__members__:
                return token_for(self._holder(Role[name]))
            case _:
                return token_for(getattr(self.cast, name))

    def _spoiled_token(self, how: str) -> str:
        token = token_for(self.cast.root)
        if how == "expired":
            AccessToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        elif how == "revoked":
            revoke_token(AccessToken.objects.get(), **BY)
        else:
            User.objects.filter(pk=self.cast.root.pk).update(is_active=False)
        return token

    def _holder(self, role: Role) -> User:
        held_on = {
            Level.SYSTEM: System(),
            Level.INSTANCE: self.cast.instance,
            Level.ORGANIZATION: self.cast.acme,
        }
        return make_holder(role, held_on[role.level])


def make_world(cast: Cast | None = None) -> World:
    """Make what the cases play in, around a new cast unless one is given."""
    cast = cast or make_cast()
    other = create_instance("Other", public_id="other", domains=["other.example"])
    initech = create_organization(other, "Initech", public_id="initech")
    dave = create_user(initech, "dave", public_id="dave")
    define_custom_features()
    return World(cast, other, initech, dave)


def define_custom_features() -> None:
    """Define a feature of each kind, and some that are special."""
    Feature.objects.bulk_create(
        Feature(
            key=key,
            json_name=re.sub("_(.)", lambda found: found[1].upper(), key),
            name=key,
            kind=kind,
            options=options,
            default=default,
            **more,
        )
        for key, kind, options, default, more in CUSTOM_FEATURES
    )
    touch_revision()


def load_cases(*names: str) -> list[dict[str, Any]]:
    """Return the cases of some files in tests/cases."""
    return [case for name in names for case in json.loads((CASES / name).read_text())]


def case_id(case: dict[str, Any]) -> str:
    """Name a case in pytest's output."""
    return str(case["name"]).replace(" ", "-")


def prepare(world: World, case: dict[str, Any]) -> None:
    """Make what a case has given: features set by level, then locks."""
    for name, body in case.get("given", {}).items():
        owner = world.owner(name)
        changes = parse_change_set(body, current_definitions(), owner.level)
        set_features(owner, changes, **BY)
    for name, feature in case.get("locked", []):
        lock_feature(world.owner(name), feature, **BY)


def check_case(case: dict[str, Any], caller: Caller, world: World) -> None:
    """Play a case in a world through a way in. AssertionError where it came out otherwise."""
    prepare(world, case)
    token = world.token(case.get("as", "root"))
    last_event = Event.objects.order_by("-pk").values_list("pk", flat=True).first() or 0

    outcome = caller.call(case["method"], case.get("message", {}), token)

    written = Event.objects.filter(pk__gt=last_event, stream__kind__in=FEATURE_STREAMS)
    events = [[e.type, e.subject, e.before, e.after] for e in written.order_by("pk")]
    if "failure" in case:
        assert_failed(outcome, case["failure"])
    else:
        assert outcome.failure is None, outcome.failure
        assert_details(outcome.details, case["details"])
        assert_features(outcome.features, case)
    expected = case.get("events", [])
    if not caller.keeps_order:
        events, expected = sorted(events, key=str), sorted(expected, key=str)
    assert events == expected


def permission_table() -> dict[str, Any]:
    """Return "calls" by name, and for each of "actors" which are allowed and which find nothing.

    Every other call is refused.
    """
    table: dict[str, Any] = json.loads((CASES / "feature_api_permissions.json").read_text())
    return table


def find_outcomes(actor: str, caller: Caller, world: World) -> dict[str, list[str]]:
    """Make every call of the permission table as an actor; return the names by what came out."""
    token = world.token(actor)
    own_id = User.objects.get(tokens=AccessToken.objects.latest("pk")).public_id
    found: dict[str, list[str]] = {"allowed": [], "unknown": [], "refused": []}
    for name, (method, message) in permission_table()["calls"].items():
        filled = message | ({"userId": own_id} if message.get("userId") == "SELF" else {})
        failure = caller.call(method, filled, token).failure
        verdict = {0: "allowed", 5: "unknown", 7: "refused"}[failure.code if failure else 0]
        if failure and failure.code == 7:
            assert failure.id == "AUTH-5mWD2"
        found[verdict].append(name)
    return {verdict: sorted(names) for verdict, names in found.items()}


def assert_details(details: Mapping[str, str], expected: Mapping[str, str]) -> None:
    """Compare details; their times only have a form, and none exists before the first event."""
    times = {"changeDate", "creationDate"} & details.keys()
    assert {key: text for key, text in details.items() if key not in times} == {
        key: text for key, text in expected.items() if key not in times
    }
    assert ("changeDate" in times) == (details["sequence"] != "0")
    assert ("creationDate" in times) == ("creationDate" in expected)
    assert all(CHANGE_DATE.fullmatch(details[name]) for name in times)


def assert_features(features: Mapping[str, Any], case: Mapping[str, Any]) -> None:
    """Compare all features with "features", or some of them with "includes" and "lacks"."""
    found = {name: list(pair) for name, pair in features.items()}
    if "includes" in case:
        assert {name: found.get(name) for name in case["includes"]} == case["includes"]
        assert not set(case.get("lacks", [])) & found.keys()
    else:
        assert found == case.get("features", {})


def assert_failed(outcome: Outcome, expected: Mapping[str, Any]) -> None:
    """Compare a failure; "violations" gives a part of each field's description."""
    failure = outcome.failure
    assert failure is not None, f"no failure, but {outcome}"
    assert failure.code == expected["code"], failure
    assert expected.get("message", failure.message) == failure.message
    assert expected.get("id", failure.id) == failure.id
    violations = expected.get("violations", {})
    assert failure.violations.keys() == violations.keys(), failure
    for name, part in violations.items():
        assert part in failure.violations[name], failure
