"""What a supervisor asks: is the process up, and may it get requests?

A middleware and no views, because a probe asks by address and over plain HTTP: it must be answered
before a host is refused or a request redirected.
"""

import logging
from collections.abc import Callable

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
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
    """Answer 200 when the database answers and has every migration, else 503 with the reason."""
    try:
        unapplied = count_unapplied_migrations()
    except DatabaseError:
        logger.exception("the database does not answer")
        return JsonResponse(
            {"status": "unavailable", "reason": "the database does not answer"}, status=503
        )
    if unapplied:
        reason = f"{unapplied} migrations are not applied"
        return JsonResponse({"status": "unavailable", "reason": reason}, status=503)
    return JsonResponse({"status": "ok"})


def count_unapplied_migrations() -> int:
    """Return how many migrations the database lacks, over a connection of its own.

    The pool may be waiting for a database that is gone; this gives up after two seconds.
    """
    fresh = connection.copy()
    if fresh.vendor == "postgresql":
        options = {
            name: value for name, value in fresh.settings_dict["OPTIONS"].items() if name != "pool"
        }
        fresh.settings_dict["OPTIONS"] = options | {"connect_timeout": 2}
    try:
        executor = MigrationExecutor(fresh)
        return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    finally:
        fresh.close()
