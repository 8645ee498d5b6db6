"""The one door to the security settings: every surface reads and changes them through here."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from django.db import transaction

from access.impersonations import end_impersonations, unexpired
from events.services import (
    Author,
    Entry,
    Origin,
    Position,
    StreamKey,
    append,
    lock_stream,
    read_position,
)
from features.planning import Details, NoChanges
from features.services import IfMatch
from security.models import InstanceSecurity
from security.settings import SecurityChanges, SecuritySettings
from tenancy.models import Instance
from tenancy.prepared import PreparedQuery
from tenancy.revision import memo, touch_revision

EVENT = "security.set"

Rule = Callable[[SecuritySettings], SecuritySettings]
"""What the settings become, from what they are."""


@dataclass(frozen=True)
class SettingChange:
    """One setting before and after; ``name`` is the path under which the API knows it."""

    name: str
    before: Any
    after: Any


@dataclass(frozen=True)
class SecurityPlan:
    """What a change would do to an instance's settings, computed before anything is written."""

    instance: Instance
    position: Position
    before: SecuritySettings
    after: SecuritySettings

    @property
    def changes(self) -> tuple[SettingChange, ...]:
        """The settings that would be others than before."""
        before, after = asdict(self.before), asdict(self.after)
        return tuple(
            SettingChange(path, before[name], after[name])
            for name, path in PATHS.items()
            if before[name] != after[name]
        )

    @property
    def details(self) -> Details:
        """The instance's details: as they are or, once it is written, as they have become."""
        return Details(self.position, self.instance.resource_owner)


PATHS = {
    "iframe_enabled": "embeddedIframe.enabled",
    "allowed_origins": "embeddedIframe.allowedOrigins",
    "impersonation_enabled": "enableImpersonation",
}


def get_security_settings(instance: Instance) -> tuple[SecuritySettings, Details]:
    """Return an instance's settings, the defaults when nothing was ever set, and its details."""
    position = read_position(_stream_of(instance))
    return read_settings(instance), Details(position, instance.resource_owner)


def settings_at(instance: Instance, revision: int) -> SecuritySettings:
    """Return an instance's settings as of a revision that the caller has read."""
    return memo.get(revision, ("security", instance.pk), lambda: read_settings(instance))


def read_settings(instance: Instance) -> SecuritySettings:
    """Return the settings as they are stored now, with one query."""
    for stored in stored_settings(instance.pk):
        return stored.as_settings()
    return SecuritySettings()


stored_settings = PreparedQuery(lambda key: InstanceSecurity.objects.filter(pk=key), -1)


def set_security_settings(
    instance: Instance,
    settings: SecuritySettings,
    *,
    actor: Author,
    origin: Origin,
    if_match: IfMatch | None = None,
) -> Details:
    """Replace all of an instance's settings and return the new details.

    What already holds is recorded nowhere. PreconditionFailed when ``if_match`` does not hold.
    """

    def replaced(_before: SecuritySettings) -> SecuritySettings:
        return settings

    return change_security_settings(
        instance, replaced, actor=actor, origin=origin, if_match=if_match
    ).details


def patch_security_settings(
    instance: Instance,
    changes: SecurityChanges,
    *,
    actor: Author,
    origin: Origin,
    if_match: IfMatch | None = None,
) -> Details:
    """Change the settings that are named and leave the others; as set_security_settings.

    NoChanges when none is named.
    """
    if not changes:
        raise NoChanges

    def patched(before: SecuritySettings) -> SecuritySettings:
        return replace(before, **changes)

    return change_security_settings(
        instance, patched, actor=actor, origin=origin, if_match=if_match
    ).details


def plan_security(instance: Instance, change: Rule) -> SecurityPlan:
    """Return what a change would do, from the settings as they are now."""
    before = read_settings(instance)
    return SecurityPlan(instance, read_position(_stream_of(instance)), before, change(before))


def change_security_settings(
    instance: Instance,
    change: Rule,
    *,
    actor: Author,
    origin: Origin,
    if_match: IfMatch | None = None,
) -> SecurityPlan:
    """Make of the settings what ``change`` returns, and return what that was.

    It plans and writes behind the stream's lock: a change is rare, so writers simply queue.
    """
    with transaction.atomic():
        lock_stream(_stream_of(instance))
        plan = plan_security(instance, change)
        if if_match:
            if_match.check(plan.position)
        return _apply(plan, actor=actor, origin=origin) if plan.changes else plan


def _apply(plan: SecurityPlan, *, actor: Author, origin: Origin) -> SecurityPlan:
    entries = [Entry(EVENT, change.name, change.before, change.after) for change in plan.changes]
    position = append(_stream_of(plan.instance), entries, actor=actor, origin=origin)
    InstanceSecurity.objects.update_or_create(
        instance=plan.instance,
        defaults=asdict(plan.after) | {"allowed_origins": list(plan.after.allowed_origins)},
    )
    if plan.before.impersonation_enabled and not plan.after.impersonation_enabled:
        end_impersonations(unexpired(), plan.instance, actor=actor, origin=origin)
    touch_revision()
    return replace(plan, position=position)


def _stream_of(instance: Instance) -> StreamKey:
    return StreamKey.of(instance, "security")
