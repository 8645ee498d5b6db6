"""How changes of an instance's security settings are taken back."""

from dataclasses import replace
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from access.actors import Actor
from access.permissions import Action, Permission, Resource
from access.policy import require
from access.undoing import Gone, State, Undoer, Way, same_states
from events.models import Event
from events.services import Author, Origin
from security.origins import parse_origins
from security.services import EVENT, PATHS, change_security_settings, read_settings
from security.settings import SecuritySettings
from tenancy.models import Instance

NAMES = {path: name for name, path in PATHS.items()}


def _find(event: Event) -> Instance:
    instance = Instance.objects.filter(public_id=event.stream.instance).first()
    if instance is None:
        raise Gone(_("It was deleted since: %(id)s.") % {"id": event.stream.instance})
    return instance


def _permit(actor: Actor, _event: Event, instance: Instance) -> None:
    require(actor, Permission(Resource.POLICY, Action.WRITE), instance)


def _states(event: Event, instance: Instance) -> tuple[State, ...]:
    now = getattr(read_settings(instance), NAMES[event.subject])
    return same_states(event.subject, now, event)


def _restore(event: Event, instance: Instance, *, actor: Author, origin: Origin) -> None:
    before: Any = event.before
    if isinstance(before, list):
        # What was an origin then may be none by today's rules.
        before, problems = parse_origins(before, event.subject)
        if problems:
            raise ValidationError(problems)

    def restored(settings: SecuritySettings) -> SecuritySettings:
        change: dict[str, Any] = {NAMES[event.subject]: before}
        return replace(settings, **change)

    change_security_settings(instance, restored, actor=actor, origin=origin)


WAYS: dict[str, Way] = {EVENT: Undoer(_find, _permit, _states, _restore)}
