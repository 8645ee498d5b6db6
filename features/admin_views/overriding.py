"""What is set across levels: searched and filtered, read-only, with bulk actions."""

from typing import Any

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from access.actors import Actor
from access.pages import COUNTED, OWNERS, page_context, page_of, shown_count
from access.policy import NOTHING, OVERRIDE_PATHS, visible, writable
from access.sites import actor_of
from features.admin_views.finding import named_so
from features.bulk.wanted import Action
from features.models import OVERRIDES, Feature
from tenancy.identifiers import read_key
from tenancy.levels import OWNED_LEVELS, Level

ROWS_A_PAGE = 50
TAKES = ("level", "feature", "owner", "value", "locked", "before")
OWNED_BY = {
    Level.SYSTEM: ("owner",),
    Level.INSTANCE: ("owner",),
    Level.ORGANIZATION: ("owner__instance",),
    Level.USER: ("owner__instance", "owner__organization__instance"),
}

ACTIONS = {  # on what is marked
    Action.INHERIT: gettext_lazy("Let them inherit"),
    Action.SET: gettext_lazy("Set to…"),
    Action.LOCK: gettext_lazy("Lock"),
    Action.UNLOCK: gettext_lazy("Unlock"),
}


def overrides(request: HttpRequest) -> HttpResponse:
    """Show the overrides of one level that the actor sees, the newest first."""
    actor = actor_of(request)
    counts = {level: _count_at(level, actor) for level in seen_levels(actor)}
    # Where nobody asks for a level, one is shown at which there is something to see.
    asked = request.GET.get("level") or next(
        (level.label for level, count in counts.items() if count), ""
    )
    level = chosen_level(asked, list(counts))
    rows = filtered(request.GET, actor, level)
    before = request.GET.get("before", "")
    if newest := read_key(before):
        rows = rows.filter(pk__lt=newest)
    # Found by their keys alone, as sorting all that one sees by the newest is little work then.
    newest = rows.order_by("-pk").values("pk")[: ROWS_A_PAGE + 1]
    shown = rows.model.objects.filter(pk__in=newest).order_by("-pk")
    found = list(shown.select_related("feature", *OWNED_BY[level]))
    context = page_context(
        request,
        _("Overrides"),
        rows=[{"row": row, "url": page_of(row.owner)} for row in found[:ROWS_A_PAGE]],
        next=found[ROWS_A_PAGE - 1].pk if len(found) > ROWS_A_PAGE else None,
        before=before,
        level=level,
        levels=[(one, shown_count(count)) for one, count in counts.items()],
        feature=request.GET.get("feature", ""),
        owner_text=request.GET.get("owner", ""),
        value=request.GET.get("value", ""),
        locked=request.GET.get("locked", ""),
        query=_query(request, level),
        actions=ACTIONS.items(),
        may_write=writable(actor, level) != NOTHING,
    )
    return TemplateResponse(request, "admin/features/overrides.html", context)


def _query(request: HttpRequest, level: Level) -> str:
    """Return the filters of the page, for an action on all that they let through."""
    query = request.GET.copy()
    query.pop("before", None)
    query["level"] = level.label
    return query.urlencode()


def seen_levels(actor: Actor) -> list[Level]:
    """Return the levels of which the actor sees any owner."""
    return [level for level in OWNED_LEVELS if OWNERS[level].filter(visible(actor, level)).exists()]


def _count_at(level: Level, actor: Actor) -> int:
    """Count the overrides of a level that the actor sees, as far as a page tells."""
    model: Any = OVERRIDES[level]
    rows = model.objects.filter(visible(actor, level, paths=OVERRIDE_PATHS))
    return int(rows.order_by()[:COUNTED].count())


def chosen_level(label: str, levels: list[Level]) -> Level:
    """Return the level that is asked for, else the widest below the system that one sees."""
    named = [level for level in levels if level.label == label]
    below = [level for level in levels if level is not Level.SYSTEM]
    return (named or below or levels or [Level.SYSTEM])[0]


def filtered(query: Any, actor: Actor, level: Level) -> Any:
    """Return the overrides of a level that the actor sees and the query's filters let through."""
    model: Any = OVERRIDES[level]
    rows = model.objects.filter(visible(actor, level, paths=OVERRIDE_PATHS))
    if feature := query.get("feature", "").strip():
        named = Feature.objects.filter(named_so(feature)).values("pk")
        rows = rows.filter(feature__in=named)
    if (text := query.get("owner", "").strip()) and level is not Level.SYSTEM:
        matches = Q(owner__public_id=text) | Q(owner__folded_name__prefix=text.lower())
        if level is Level.USER:
            matches |= Q(owner__folded_username__prefix=text.lower())
        rows = rows.filter(matches)
    if query.get("value") in {"on", "off"}:
        rows = rows.filter(value=query["value"] == "on")
    if query.get("locked") == "yes":
        rows = rows.filter(locked=True)
    return rows
