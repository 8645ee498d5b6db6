"""The history played back, to be held against what is set."""

from typing import Any

from events.models import Event, Stream
from features.models import OVERRIDES
from tenancy.levels import OWNED_LEVELS
from tenancy.models import Owner

Held = dict[tuple[str, str, str], dict[str, tuple[Any, bool]]]


def replay_events() -> Held:
    """Return what the events say is set: by stream and feature, the value and whether it is locked.

    On the way every sequence is counted, and every event must begin where the one before ended.
    """
    held: Held = {}
    levels = [level.label for level in OWNED_LEVELS]
    for stream in Stream.objects.filter(kind__in=levels):
        features: dict[str, tuple[Any, bool]] = {}
        events = list(Event.objects.filter(stream=stream).order_by("sequence"))
        assert [event.sequence for event in events] == list(range(1, stream.sequence + 1))
        for event in events:
            before = features.pop(event.subject, (None, False))
            assert before == (event.before, event.locked_before)
            if event.after is not None:
                features[event.subject] = (event.after, event.locked_after)
        held[stream.kind, stream.instance, stream.owner] = features
    return {key: features for key, features in held.items() if features}


def read_overrides() -> Held:
    """Return what is set, in the same form."""
    held: Held = {}
    assert misplaced() == []
    for level, model in OVERRIDES.items():
        manager: Any = model._default_manager
        for row in manager.select_related("owner", "feature"):
            key = (level.label, instance_id_of(row.owner), row.owner.public_id)
            held.setdefault(key, {})[row.feature.key] = (row.value, row.locked)
    return held


def misplaced() -> list[str]:
    """Return the overrides that do not say truly where their owners belong."""
    wrong = []
    for model in OVERRIDES.values():
        manager: Any = model._default_manager
        for row in manager.select_related("owner"):
            above = row.owner.parent_keys
            said = {level: getattr(row, f"{level.label}_id") for level in row.places}
            if said != {level: above.get(level) for level in row.places}:
                wrong.append(f"{row.owner.reference}: {said}")
    return wrong


def instance_id_of(owner: Owner) -> str:
    instance = owner.instance_or_none
    return instance.public_id if instance else ""
