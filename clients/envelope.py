"""The envelope of `/clients/*`: its answers, its error numbers, and reading its parameters.

Every answer is HTTP 200, an error too; ``code`` is this API's own number. Which exception is which
number stands here and nowhere else.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import (
    PermissionDenied,
    SuspiciousOperation,
    ValidationError,
)
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, QueryDict
from rest_framework.exceptions import AuthenticationFailed, NotAuthenticated, Throttled

from access.callers import PlainHttp
from access.throttling import TooManyRequests
from clients.authentication import UnsupportedScheme
from clients.refusals import storable

log = logging.getLogger("strata.errors")

FORM = "application/x-www-form-urlencoded"
ECHO_LENGTH = 200  # characters of a value that an error repeats
# What the services call by another name than this API does.
ARGUMENTS = {"networks": "whitelist", "client": "client_id_for_deletion"}


class InvalidArgument(Exception):
    """A parameter that is there and wrong."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name} was not valid for the following reason: {reason}")
        self.argument_name = name


class MissingArgument(Exception):
    """A required parameter that is absent or blank."""

    def __init__(self, name: str) -> None:
        super().__init__(f"missing required argument: {name}")
        self.argument_name = name


@dataclass(frozen=True)
class Problem:
    """An error as this API tells it."""

    code: int
    error: str
    description: str
    argument_name: str = ""


AWAY = Problem(500, "unexpected_error", "the database is not available; try again")

PROBLEMS: tuple[tuple[type[Exception], Problem], ...] = (
    # The first class that fits counts: subclasses stand before their bases.
    (SuspiciousOperation, Problem(200, "invalid_argument", "the request is too large")),
    (
        PlainHttp,
        Problem(403, "client_permission_error", "this API is served over HTTPS only"),
    ),
    (
        UnsupportedScheme,
        Problem(205, "invalid_auth_method", "the authorization scheme is not supported: use Basic"),
    ),
    (
        AuthenticationFailed,
        Problem(402, "invalid_client_credentials", "the client credentials are not valid"),
    ),
    (
        PermissionDenied,
        Problem(
            403,
            "client_permission_error",
            "the provided client does not have authorization for this action",
        ),
    ),
    (OperationalError, AWAY),
    (InterfaceError, AWAY),
    (TooManyRequests, Problem(510, "api_limit_error", "too many requests: try again in a minute")),
    (
        Throttled,
        Problem(510, "api_limit_error", "too many wrong credentials: try again in a minute"),
    ),
)


def describe(error: Exception) -> Problem:
    """Return what an exception says to the outside; nothing internal is ever in it."""
    match error:
        case NotAuthenticated():
            return describe(MissingArgument("client_id"))
        case MissingArgument():
            return Problem(100, "missing_argument", str(error), error.argument_name)
        case InvalidArgument():
            return Problem(200, "invalid_argument", str(error), error.argument_name)
        case ValidationError():
            [(field, messages), *_others] = error.message_dict.items()
            return describe(InvalidArgument(ARGUMENTS.get(field, field), messages[0]))
    for kind, problem in PROBLEMS:
        if isinstance(error, kind):
            if problem is AWAY:
                log.error("the database is away", exc_info=error)
            return problem
    log.error("unexpected error", exc_info=error)
    return Problem(500, "unexpected_error", "an unexpected error occurred")


def answer(members: Mapping[str, Any]) -> HttpResponse:
    """Return a success with what belongs beside ``stat``."""
    return _write({"stat": "ok", **members})


def refuse(request: HttpRequest, error: Exception) -> HttpResponse:
    """Return an error."""
    problem = describe(error)
    members: dict[str, Any] = {
        "code": problem.code,
        "error": problem.error,
        "error_description": problem.description,
        "request_id": getattr(request, "request_id", ""),
        "stat": "error",
    }
    if problem.argument_name:
        members["argument_name"] = problem.argument_name
    return _write(members)


def read_parameters(request: HttpRequest) -> dict[str, str]:
    """Return the union of query and form body, in which the body wins; of doubles the last.

    A body without a Content-Type is a form; one of another type holds no parameters.
    SuspiciousOperation for more than the settings allow.
    """
    is_form = request.content_type in {"", FORM}
    body = QueryDict(request.body if is_form else b"", encoding="utf-8")
    return {**request.GET.dict(), **body.dict()}


def parse_json(name: str, text: str) -> Any:
    """Return the value of a parameter that holds JSON. InvalidArgument when it does not."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidArgument(name, "the JSON is not syntactically valid") from None


def check_strings(name: str, value: Any) -> list[str]:
    """Return the value if it is an array of strings. InvalidArgument when it is not."""
    if not isinstance(value, list) or not all(isinstance(member, str) for member in value):
        raise InvalidArgument(name, "it must be an array of strings")
    return [storable(member, ECHO_LENGTH) for member in value]


def parse_whole_number(name: str, text: str, maximum: int) -> int:
    """Return the whole number from 0 to ``maximum`` that a parameter holds, or InvalidArgument."""
    if text.isascii() and text.isdigit() and len(text) <= 9 and int(text) <= maximum:
        return int(text)
    raise InvalidArgument(name, f"it must be a whole number from 0 to {maximum}")


def invalid_id(name: str) -> InvalidArgument:
    """The error for an id that names none of the caller's clients."""
    return InvalidArgument(name, f"{name} is not a valid id")


def _write(members: Mapping[str, Any]) -> HttpResponse:
    text = json.dumps(members, sort_keys=True, separators=(",", ":"))
    return HttpResponse(
        text, content_type="application/json", headers={"Cache-Control": "no-store"}
    )
