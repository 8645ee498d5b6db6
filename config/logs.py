"""Log lines as JSON, and an id for each request that its lines, its answer and its events share."""

import json
import logging
import time
from collections.abc import Callable
from contextvars import ContextVar
from datetime import UTC, datetime

from django.http import HttpRequest, HttpResponseBase

from tenancy.identifiers import random_text

request_id: ContextVar[str] = ContextVar("request_id", default="")

access_log = logging.getLogger("strata.access")

REQUEST_FIELDS = ("method", "path", "status", "grpc_status", "duration_ms")


class JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """Return one line of JSON, of known fields only: nobody logs a whole request unmeant."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if current := request_id.get():
            line["request_id"] = current
        line |= {
            field: getattr(record, field) for field in REQUEST_FIELDS if hasattr(record, field)
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


class LogRequests:
    """Give each request an id and a line: without the query, which may hold secrets."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        started = time.perf_counter()
        identifier = random_text(16)
        request.request_id = identifier  # type: ignore[attr-defined]
        token = request_id.set(identifier)
        try:
            response = self.get_response(request)
            response["X-Request-Id"] = identifier
            grpc_status = getattr(response, "grpc_status", None)
            of_call = {} if grpc_status is None else {"grpc_status": grpc_status}
            access_log.info(
                "request",
                extra=of_call
                | {
                    "method": request.method,
                    "path": request.path,
                    "status": response.status_code,
                    "duration_ms": round((time.perf_counter() - started) * 1000, 2),
                },
            )
            return response
        finally:
            request_id.reset(token)
