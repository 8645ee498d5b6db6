"""What Prometheus reads: requests by route and status, their time and the database's, refusals.

Routes are the patterns of the URLs, not the paths, so that ids do not become labels.
"""

import hmac
import ipaddress
import os
import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

PATH = "/metrics"
REFUSALS = {401, 403, 429}
GRPC_REFUSALS = {7, 8, 16}  # no permission, too many requests, no credentials
VERBS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)

requests = Counter("strata_requests", "Requests answered.", ["route", "method", "status"])
refusals = Counter("strata_refusals", "Requests refused to whoever asked.", ["route", "status"])
writes = Counter("strata_writes", "Requests that were to change something, and did.", ["route"])
latency = Histogram(
    "strata_request_seconds", "Time to answer.", ["route", "method"], buckets=BUCKETS
)
database = Histogram(
    "strata_database_seconds", "Time in the database, for a request.", ["route"], buckets=BUCKETS
)


class MeasureRequests:
    """Measure every request, and answer /metrics to those who may read it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path == PATH:
            return answer_metrics(request)
        stopwatch = Stopwatch()
        started = time.perf_counter()
        with connection.execute_wrapper(stopwatch):
            response = self.get_response(request)
        route = _route_of(request, response)
        method = request.method if request.method in VERBS else "(other)"
        status = response.status_code
        requests.labels(route, method, status).inc()
        latency.labels(route, method).observe(time.perf_counter() - started)
        database.labels(route).observe(stopwatch.seconds)
        grpc_status = getattr(response, "grpc_status", None)
        if grpc_status in GRPC_REFUSALS:
            refusals.labels(route, f"grpc {grpc_status}").inc()
        elif status in REFUSALS:
            refusals.labels(route, status).inc()
        elif grpc_status is not None:
            if grpc_status == 0 and route.rpartition("/")[2].startswith(("Set", "Reset")):
                writes.labels(route).inc()
        elif status < 300 and method not in {"GET", "HEAD", "OPTIONS"}:
            writes.labels(route).inc()
        return response


def _route_of(request: HttpRequest, response: HttpResponseBase) -> str:
    """Return the method that was called over gRPC or Connect, or else the URL's pattern."""
    pattern = request.resolver_match.route if request.resolver_match else "(none)"
    return str(getattr(response, "route", pattern))


class Stopwatch:
    """Adds up the time that the database takes."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self, execute: Callable[..., Any], *arguments: Any) -> Any:
        started = time.perf_counter()
        try:
            return execute(*arguments)
        finally:
            self.seconds += time.perf_counter() - started


def answer_metrics(request: HttpRequest) -> HttpResponse:
    """Answer the numbers of all processes, or 403."""
    if not may_read(request):
        text = "METRICS_TOKEN or METRICS_NETWORKS must name you\n"
        return HttpResponse(text, status=403, content_type="text/plain")
    registry = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def may_read(request: HttpRequest) -> bool:
    """Whether the request brings the token or comes from one of the networks."""
    expected = f"Bearer {settings.METRICS_TOKEN}"
    given = request.headers.get("Authorization", "")
    if settings.METRICS_TOKEN and hmac.compare_digest(given.encode(), expected.encode()):
        return True
    try:
        address = ipaddress.ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:
        return False
    return any(address in network for network in settings.METRICS_NETWORKS)
