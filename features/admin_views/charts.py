"""What the two charts of a feature's page show: counts by level, and changes by week.

Nothing is counted beyond a bound, so that the page opens as fast in a large database.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db.models import Count
from django.utils import timezone

from access.actors import Actor
from access.pages import OWNERS
from access.policy import OVERRIDE_PATHS, visible, visible_events
from events.models import Event
from features.models import OVERRIDES, Feature
from tenancy.levels import OWNED_LEVELS, Level

BOUND = 10_000
WEEKS = 26
BAR_WIDTH = 400
CHANGES_COUNTED = 2000


@dataclass(frozen=True)
class Part:
    """A piece of a bar: where it begins and how wide it is."""

    name: str  # on, off, set or inherits
    count: int
    x: float
    width: float


@dataclass(frozen=True)
class LevelBar:
    """How many owners of a level have a feature on, off, set otherwise, and inherited."""

    level: Level
    parts: tuple[Part, ...]
    counts: dict[str, int]
    is_bounded: bool  # there are more than were counted


@dataclass(frozen=True)
class WeekBar:
    """How many changes a week saw."""

    begins: date
    count: int
    x: float
    y: float
    height: float


def count_levels(feature: Feature, actor: Actor) -> list[LevelBar]:
    """Return a bar for each level of which the actor sees owners; two queries for each."""
    bars = []
    for level in OWNED_LEVELS:
        condition = visible(actor, level)
        total = OWNERS[level].filter(condition).order_by()[: BOUND + 1].count()
        if not total:
            continue
        model: Any = OVERRIDES[level]
        rows = model.objects.filter(visible(actor, level, paths=OVERRIDE_PATHS), feature=feature)
        within = rows.order_by("pk").values("pk")[:BOUND]
        by_value = model.objects.filter(pk__in=within).order_by().values_list("value")
        counts = {"on": 0, "off": 0, "set": 0}
        for value, count in by_value.annotate(count=Count("pk")):
            counts["on" if value is True else "off" if value is False else "set"] += count
        overridden = sum(counts.values())
        is_bounded = total > BOUND or overridden >= BOUND
        counts["inherits"] = max(min(total, BOUND) - overridden, 0)
        bars.append(LevelBar(level, tuple(_parts(counts)), counts, is_bounded))
    return bars


def count_weeks(feature: Feature, actor: Actor) -> list[WeekBar]:
    """Return the last half year's changes by week, of the newest two thousand."""
    today = timezone.localdate()
    monday = today - timedelta(days=today.weekday())
    since = monday - timedelta(weeks=WEEKS - 1)
    times = (
        Event.objects.filter(visible_events(actor), subject=feature.key)
        .order_by("-pk")
        .values_list("created_at", flat=True)[:CHANGES_COUNTED]
    )
    days = [timezone.localtime(time).date() for time in times]
    weeks = Counter(day - timedelta(days=day.weekday()) for day in days if day >= since)
    highest = max(weeks.values(), default=1)
    step = BAR_WIDTH / WEEKS
    bars = []
    for number in range(WEEKS):
        begins = since + timedelta(weeks=number)
        count = weeks[begins]
        height = max(round(56 * count / highest, 1), 2 if count else 0.8)
        bars.append(WeekBar(begins, count, round(number * step, 1), round(60 - height, 1), height))
    return bars


def _parts(counts: dict[str, int]) -> Sequence[Part]:
    total = sum(counts.values()) or 1
    parts, x = [], 0.0
    for name, count in counts.items():
        if count:
            width = max(BAR_WIDTH * count / total, 3)  # nothing that is there is invisible
            parts.append(Part(name, count, round(x, 1), round(width, 1)))
            x += width
    scale = BAR_WIDTH / x if x > BAR_WIDTH else 1
    return [
        Part(part.name, part.count, round(part.x * scale, 1), round(part.width * scale, 1))
        for part in parts
    ]
