"""The pages of all lists of the management API: a first and a far one, by order and filter."""

from typing import Any
from urllib.parse import urlencode

from api.pagination import make_cursor
from api.urls import router
from api.views.overrides import make_cursor as make_override_cursor

SEARCHES = {"q", "name", "email"}
FAR = 0.9  # of the list lies before the far page
RUN = "6a1d5c0e-0000-4000-8000-000000000001"
# For each filter a value that nearly all rows have, and one that few rows have, far from the start.
FILTERS: dict[str, dict[str, tuple[str, ...]]] = {
    "instances": {"q": ("instance", "main"), "domain": ("testserver",)},
    "organizations": {"q": ("organization", "acme")},
    "users": {
        "q": ("user", "bob"),
        "name": ("person", "rare"),
        "email": ("p", "rare"),
        "organization": ("most", "acme"),
    },
    "memberships": {
        "user": ("holder", "alice"),
        "role": ("ORG_OWNER_VIEWER", "ORG_OWNER"),
        "organization": ("most", "acme"),
    },
    "tokens": {"user": ("holder", "alice")},
    "features": {"kind": ("boolean", "integer"), "stage": ("experimental", "stable")},
    "overrides": {
        "level": ("user", "organization"),
        "owner": ("user:u5",),
        "feature": ("actions", "rare"),
        "locked": ("false", "true"),
    },
    "events": {
        "owner": ("user:busy", "user:bob"),
        "feature": ("actions", "rare"),
        "type": ("features.set", "roles.granted"),
        "actor": ("x", "rare"),
        "run": (RUN,),
        "since": ("2026-01-01T00:00:00Z", "2026-03-02T00:00:00Z"),
        "until": ("2026-06-01T00:00:00Z", "2025-06-01T00:00:00Z"),
    },
}


def all_lists() -> dict[str, str]:
    """Return the paths of the pages of all lists by what they show."""
    views = [(prefix, view) for prefix, view, _name in router.registry if prefix in FILTERS]
    return {name: path for prefix, view in views for name, path in _paths(prefix, view)}


def _paths(prefix: str, view: Any) -> list[tuple[str, str]]:
    """Return the pages of one list by their names."""
    asked: list[dict[str, str]] = []
    for narrowed in [{}, *({n: value} for n, held in FILTERS[prefix].items() for value in held)]:
        orderings = getattr(view, "orderings", {"": None})
        for name in narrowed:
            orderings = getattr(view, "orderings_of", {}).get(name, orderings)
        for order in orderings:
            by = narrowed | ({"order": order} if order else {})
            asked.append(by)
            asked.append(by | {"cursor": _far_cursor(prefix, orderings, order, narrowed)})
    return [
        (
            f"{prefix} " + " ".join("far" if k == "cursor" else f"{k}={v}" for k, v in at.items()),
            f"/api/v1/{prefix}?{urlencode(at)}",
        )
        for at in asked
    ]


def _far_cursor(prefix: str, orderings: Any, order: str, narrowed: dict[str, str]) -> str:
    """Return the cursor of the page at FAR of a list; of a search, at FAR of what it finds."""
    from access.models import AccessToken, Membership
    from events.models import Event
    from features.models import Feature, UserOverride
    from tenancy.models import Instance, Organization, User

    model: Any = {
        "instances": Instance,
        "organizations": Organization,
        "users": User,
        "memberships": Membership,
        "tokens": AccessToken,
        "features": Feature,
        "overrides": UserOverride,
        "events": Event,
    }[prefix]
    rows = model._default_manager
    if prefix == "overrides":
        return make_override_cursor(rows.order_by("feature", "pk")[int(rows.count() * FAR)])
    ordering = orderings[order]
    if SEARCHES & narrowed.keys():
        (text,) = narrowed.values()
        found = rows.filter(**{f"{ordering.column}__prefix": text})
        rows = found if found.exists() else rows
    row = ordering.apply(rows.all())[int(rows.count() * FAR)]
    return make_cursor(ordering, order, row)
