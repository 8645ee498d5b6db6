"""What a supervisor asks: is the process up, and may it get requests?

A middleware and no views, because a probe asks by address and over plain HTTP: it must be answered
before a host is refused or a request redirected.
"""

import logging
from collections.abc import Callable
from functools import cache

from django.db import DatabaseError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, HttpResponseBase, JsonResponse

logger = logging.getLogger("strata.health")


class AnswerProbes:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path == "/healthz":
            return JsonResponse({"status": "ok"})
        if request.path == "/readyz":
            return answer_readiness()
        return self.get_response(request)


def answer_readiness() -> JsonResponse:
    """Answer 200 when requests can be answered, else 503 with the reason."""
    if reason := find_obstacle():
        return JsonResponse({"status": "unavailable", "reason": reason}, status=503)
    return JsonResponse({"status": "ok"})


def find_obstacle() -> str:
    """Return why requests cannot be answered: no database, or migrations missing; else ""."""
    try:
        return "" if has_every_migration() else "migrations are not applied"
    except DatabaseError:
        logger.exception("the database does not answer")
        return "the database does not answer"


def has_every_migration() -> bool:
    """Tell whether the database has each app's last migration, over a connection of its own.

    The pool may be waiting for a database that is gone; this gives up after two seconds.
    """
    fresh = connection.copy()
    if fresh.vendor == "postgresql":
        options = {
            name: value for name, value in fresh.settings_dict["OPTIONS"].items() if name != "pool"
        }
        fresh.settings_dict["OPTIONS"] = options | {"connect_timeout": 2}
    try:
        return find_last_migrations() <= MigrationRecorder(fresh).applied_migrations().keys()
    finally:
        fresh.close()


@cache
def find_last_migrations() -> frozenset[tuple[str, str]]:
    """Return each app's last migration; the files do not change while the process lives."""
    return frozenset(MigrationLoader(None).graph.leaf_nodes())
