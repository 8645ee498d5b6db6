"""Undo as a bulk plan: for every override that some events changed, what was there before them.

A value that somebody has changed since is left alone, and the plan says so.
"""

import json
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from django.db.models import Case, Exists, OuterRef, Q, QuerySet, When
from django.utils.translation import gettext

from access.reports import Fault
from events.models import Event
from features.bulk.wanted import Action, Expected, OwnerKey, Row, Wanted
from features.definitions import Definition
from features.resolution import Override
from tenancy.levels import OWNED_LEVELS, Level
from tenancy.models import Instance, Organization, User

FEATURE_KINDS = [level.label for level in OWNED_LEVELS]

_SINCE = {"public_id": OuterRef("stream__owner"), "created_at__gt": OuterRef("created_at")}
_HERE = {"instance": OuterRef("instance_key"), **_SINCE}
# That the owner's id is somebody else's by now.
_OF_ANOTHER = (
    Q(Exists(Instance.objects.filter(**_SINCE)), stream__kind=Level.INSTANCE.label)
    | Q(Exists(Organization.objects.filter(**_HERE)), stream__kind=Level.ORGANIZATION.label)
    | Q(Exists(User.objects.filter(**_HERE)), stream__kind=Level.USER.label)
)


def undo_rows(events: QuerySet[Event]) -> Iterator[Row | Fault]:
    """Yield a row for each override that the events changed, however often, and a few at a time.

    A fault for what was an owner's who is gone, though another one has the same id by now.
    """
    changes = (
        events.filter(stream__kind__in=FEATURE_KINDS, type__startswith="features.")
        .select_related("stream")
        .annotate(is_of_another=Case(When(_OF_ANOTHER, then=True), default=False))
        .order_by("stream", "subject", "sequence")
        .iterator(chunk_size=2000)
    )
    instances: dict[str, int | None] = {"": None}
    by_override = groupby(changes, key=lambda event: (event.stream_id, event.subject))
    for line, (_, group) in enumerate(by_override, start=1):
        found = list(group)
        stream = found[0].stream
        if stream.instance not in instances:
            named = Instance.objects.filter(public_id=stream.instance)
            instances[stream.instance] = named.values_list("pk", flat=True).first() or 0
        here = instances[stream.instance] or 0
        changed = [one for one in found if one.instance_key == here and not one.is_of_another]
        if not changed:
            message = gettext("It was deleted since: %(id)s.") % {"id": stream.owner}
            yield Fault("gone", message, line)
            continue
        first, last = changed[0], changed[-1]
        # An instance is found by its own id; everything else of it within it.
        instance = None if stream.kind == "instance" else instances[stream.instance]
        value = {
            "before": [first.before, first.locked_before],
            "after": [last.after, last.locked_after],
        }
        yield Row(
            line, stream.kind, OwnerKey(instance, stream.owner), first.subject, json.dumps(value)
        )


def interpret_undo(definition: Definition, text: str) -> Wanted:
    """Read what `undo_rows` wrote."""
    states = json.loads(text)
    before, after = _override(*states["before"]), _override(*states["after"])
    if before is None:
        return Wanted(Action.INHERIT, expects=Expected(after))
    value = definition.kind.parse(before.value)
    return Wanted(Action.SET, value, before.locked, Expected(after))


def _override(value: Any, locked: bool) -> Override | None:
    return None if value is None else Override(value, locked)
