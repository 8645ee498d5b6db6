"""Where histories lead: the pages of what they are about, as far as it is there and seen."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from access.actors import Actor
from access.pages import OWNERS, page_of
from access.policy import NOTHING, may_see
from events.models import Stream
from tenancy.levels import Level

Texts = tuple[str, str]
"""The public ids of an instance ("" above instances) and of what lies in it."""


@dataclass(frozen=True)
class Place:
    """What something is called, and where its page is."""

    name: str
    url: str


Finder = Callable[[Actor, set[Texts]], dict[Texts, Place]]

_finders: dict[str, Finder] = {}


def register(kind: str, finder: Finder) -> None:
    """Say where the streams lead whose kind begins so, and are about no owner."""
    _finders[kind] = finder


def find_places(actor: Actor, streams: Iterable[Stream]) -> dict[int, Place]:
    """Return where each stream leads, by its primary key; what is gone or unseen is not in it.

    At most one query for each level, and one for each other kind of stream.
    """
    wanted: dict[Level | str, dict[Texts, set[int]]] = defaultdict(lambda: defaultdict(set))
    for stream in streams:
        about = stream.level or stream.kind.partition(".")[0]
        wanted[about][stream.instance, stream.owner].add(stream.pk)
    places: dict[int, Place] = {}
    for about, keys in wanted.items():
        if isinstance(about, Level):
            found = _find_owners(actor, about, set(keys))
        else:
            found = _finders[about](actor, set(keys)) if about in _finders else {}
        places |= {pk: place for texts, place in found.items() for pk in keys[texts]}
    return places


def within_instances(texts: Iterable[Texts], instance: str, name: str) -> Q:
    """Return the filter of rows by the text of their instance, and by their own."""
    by_instance: dict[str, list[str]] = defaultdict(list)
    for instance_id, own in texts:
        by_instance[instance_id].append(own)
    condition = NOTHING
    for instance_id, names in by_instance.items():
        where = {f"{instance}__public_id": instance_id} if instance_id else {instance: None}
        condition |= Q(**where, **{f"{name}__in": names})
    return condition


def _find_owners(actor: Actor, level: Level, texts: set[Texts]) -> dict[Texts, Place]:
    # Found by their names and asked for one by one: with the policy's filter in the query, SQLite
    # would walk all owners that are seen.
    rows: Any = OWNERS[level].order_by()
    if level is Level.INSTANCE:
        rows = rows.filter(public_id__in=[own for _, own in texts])
    elif level is not Level.SYSTEM:
        rows = rows.filter(within_instances(texts, "instance", "public_id"))
    found = {}
    for row in rows:
        if not may_see(actor, row):
            continue
        instance = row.instance_or_none
        key = (instance.public_id if instance else "", row.public_id)
        found[key] = Place(str(row), page_of(row))
    return found
