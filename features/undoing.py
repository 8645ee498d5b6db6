"""How changes of definitions are taken back. features.bulk.undo does it for what owners set."""

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from access.actors import Actor
from access.permissions import Action, Permission, Resource
from access.policy import require
from access.undoing import Final, Gone, Planned, State, Undoer, Way
from events.models import Event
from events.services import Author, Origin
from features.defining import archive_feature, edit_feature, field_as_json, restore_feature
from features.models import Feature
from tenancy.levels import Level
from tenancy.models import System


def _find(event: Event) -> Feature:
    feature = Feature.objects.filter(key=event.stream.owner).first()
    if feature is None:
        raise Gone(_("There is no such feature any more."))
    return feature


def _permit_with(action: Action) -> Callable[[Actor, Event, Feature], None]:
    def permit(actor: Actor, _event: Event, _feature: Feature) -> None:
        require(actor, Permission(Resource.DEFINITIONS, action), System())

    return permit


def _states(event: Event, feature: Feature) -> Iterator[State]:
    before: dict[str, Any] = event.before or {}
    after: dict[str, Any] = event.after or {}
    for name, value in before.items():
        yield State(name, field_as_json(feature, name), after[name], value)


def _restore(event: Event, feature: Feature, *, actor: Author, origin: Origin) -> None:
    changes: dict[str, Any] = dict(event.before or {})
    if changes.get("expires_on"):
        changes["expires_on"] = date.fromisoformat(changes["expires_on"])
    edit_feature(feature.key, changes, actor=actor, origin=origin)


def _word(event: Event) -> str:
    """Ask for what takes the feature from everybody, as the page that does it by hand."""
    return Level.SYSTEM.label if (event.before or {}).get("enabled") is False else ""


def _archival(*, archived: bool) -> Undoer:
    """Return the undoer of what archives a feature, or restores it."""
    act = restore_feature if archived else archive_feature

    def states(_event: Event, feature: Feature) -> tuple[State, ...]:
        return (State("archived", feature.archived_at is not None, archived, not archived),)

    def restore(_event: Event, feature: Feature, *, actor: Author, origin: Origin) -> None:
        act(feature.key, actor=actor, origin=origin)

    word = "" if archived else Level.SYSTEM.label
    return Undoer(_find, _permit_with(Action.DELETE), states, restore, lambda _event: word)


WAYS: dict[str, Way] = {
    **{f"features.{what}": Planned() for what in ("set", "reset", "lock", "unlock")},
    "definition.changed": Undoer(_find, _permit_with(Action.WRITE), _states, _restore, _word),
    "definition.archived": _archival(archived=True),
    "definition.restored": _archival(archived=False),
    "definition.created": Final(gettext_lazy("A definition stays, with its values: archive it.")),
}
