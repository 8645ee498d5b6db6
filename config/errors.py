"""The one table from exception to gRPC code to HTTP status, and the error body of the APIs."""

import logging
import math
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from django.core.exceptions import (
    ObjectDoesNotExist,
    PermissionDenied,
    SuspiciousOperation,
    ValidationError,
)
from django.db import (
    DatabaseError,
    DataError,
    IntegrityError,
    InterfaceError,
    OperationalError,
)
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.urls import is_valid_path
from django.utils import translation
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions as drf
from rest_framework.response import Response

from access.callers import PlainHttp, UnknownHost, host_of
from access.parsers import BodyTooLarge
from access.problems import Code, Problem
from clients import envelope as clients_envelope
from clients.refusals import note_denied
from config.logs import request_id
from events.services import Conflict, PreconditionFailed
from features.definitions import UnknownFeature
from features.planning import Locked
from rpc.urls import PREFIXES as RPC_PREFIXES
from tenancy.hosts import is_accepted_host
from tenancy.revision import current_revision
from tenancy.uniqueness import AlreadyExists

log = logging.getLogger("strata.errors")

API_PREFIXES = ("/v2/", "/v2beta/", "/system/", "/instances/", "/oauth/", "/api/", *RPC_PREFIXES)
AS_REST_DOES = {"separators": (",", ":"), "ensure_ascii": False}
NAMES_A_MODEL = "matches the given query."  # get_object_or_404; the outside knows no models
MISSING_PERMISSION_ID = "AUTH-5mWD2"
LOST_RACES = {"40001", "40P01"}  # SQLSTATE: serialization failure, deadlock detected
# SQLSTATE and SQLite's names: a row referred to is gone, or one of that name came meanwhile. Other
# constraints are broken by us alone.
OVERTAKEN = {
    *("23503", "23505"),
    *("SQLITE_CONSTRAINT_FOREIGNKEY", "SQLITE_CONSTRAINT_UNIQUE"),
}
OVERTAKEN_MESSAGE = "what this would change was created or removed meanwhile; read it again"


STATUSES: tuple[tuple[type[Exception], Code, int], ...] = (
    # The first class that fits counts: subclasses stand before their bases.
    (BodyTooLarge, Code.INVALID_ARGUMENT, 413),
    (drf.ParseError, Code.INVALID_ARGUMENT, 400),
    (UnknownFeature, Code.INVALID_ARGUMENT, 400),
    (ObjectDoesNotExist, Code.NOT_FOUND, 404),
    (Http404, Code.NOT_FOUND, 404),
    (drf.NotFound, Code.NOT_FOUND, 404),
    (drf.Throttled, Code.RESOURCE_EXHAUSTED, 429),
    (Locked, Code.FAILED_PRECONDITION, 400),
    (PreconditionFailed, Code.ABORTED, 412),
    (Conflict, Code.ABORTED, 409),
    (PlainHttp, Code.FAILED_PRECONDITION, 400),
    (SuspiciousOperation, Code.INVALID_ARGUMENT, 400),
    (drf.MethodNotAllowed, Code.UNIMPLEMENTED, 405),
    (drf.APIException, Code.INVALID_ARGUMENT, 400),
)


def describe(error: Exception) -> Problem:
    """Return what an exception says to the outside; nothing internal is ever in it."""
    problem = _describe(error)
    violations = tuple((_encodable(at), _encodable(what)) for at, what in problem.violations)
    return replace(
        problem,
        message=_encodable(problem.message),
        violations=violations,
        headers=tuple(_headers(error)),
    )


def _describe(error: Exception) -> Problem:
    match error:
        case ValidationError():
            return _describe_validation(error)
        case drf.NotAuthenticated():
            return Problem(Code.UNAUTHENTICATED, 401, "auth header missing")
        case drf.AuthenticationFailed():
            error_id = str(error.get_codes())
            return Problem(
                Code.UNAUTHENTICATED, 401, str(error.detail), error_id if "-" in error_id else ""
            )
        case PermissionDenied() | drf.PermissionDenied():
            message = str(error) or "no permission"
            return Problem(Code.PERMISSION_DENIED, 403, message, MISSING_PERMISSION_ID)
        case Http404() if not str(error) or str(error).endswith(NAMES_A_MODEL):
            return Problem(Code.NOT_FOUND, 404, "not found")
        case DatabaseError() | InterfaceError() if problem := _describe_database(error):
            return problem
    for kind, code, status in STATUSES:
        if isinstance(error, kind):
            violations = tuple(getattr(error, "violations", ()))
            return Problem(code, status, str(error) or kind.__name__, violations=violations)
    log.error("unexpected error", exc_info=error)
    return Problem(Code.INTERNAL, 500, f"internal error; request id {request_id.get()}")


def _describe_database(error: Exception) -> Problem | None:
    """Return what the database's refusal means to the outside; None where the fault is ours."""
    cause = error.__cause__
    reason = getattr(cause, "sqlstate", "") or getattr(cause, "sqlite_errorname", "")
    match error:
        case OperationalError() if reason in LOST_RACES:
            return Problem(Code.ABORTED, 409, "a concurrent change won; try again")
        case IntegrityError() if reason in OVERTAKEN:
            return Problem(Code.ABORTED, 409, OVERTAKEN_MESSAGE)
        case DataError() if "NUL" in str(error):  # only PostgreSQL refuses it
            return Problem(Code.INVALID_ARGUMENT, 400, "no text may contain NUL")
        case OperationalError() | InterfaceError():
            log.error("the database is away", exc_info=error)
            return Problem(Code.UNAVAILABLE, 503, "the database is not available; try again")
    return None


def render(problem: Problem) -> dict[str, Any]:
    """Return the error body of the JSON APIs."""
    details = problem.details()
    body = {"code": int(problem.code), "message": problem.full_message}
    return body | ({"details": details} if details else {})


def exception_handler(error: Exception, context: Mapping[str, Any]) -> Response:
    """Turn any exception of a REST view into the documented error body."""
    problem = describe(error)
    if isinstance(error, PermissionDenied):
        note_denied(context["request"].user, error, context["request"]._request)
    return Response(render(problem), status=problem.status, headers=dict(problem.headers))


def respond(error: Exception) -> JsonResponse:
    """Return the documented error body outside of the REST views."""
    problem = describe(error)
    return JsonResponse(render(problem), status=problem.status, json_dumps_params=AS_REST_DOES)


def is_api_path(path: str) -> bool:
    """Whether errors under this path are JSON."""
    return path.startswith(API_PREFIXES)


def is_clients_path(path: str) -> bool:
    """Whether errors under this path are the clients' API's own; other paths there have pages."""
    return path.startswith("/clients/") and bool(is_valid_path(path))


@csrf_exempt
def answer_unknown_path(request: HttpRequest) -> HttpResponse:
    """Answer 404 in JSON, while debugging too."""
    return not_found(request, Http404())


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer an unknown path: JSON under the APIs, a page elsewhere."""
    if is_api_path(request.path):
        host = host_of(request)
        is_known = is_accepted_host(host, current_revision())
        return respond(drf.NotFound("unknown path") if is_known else UnknownHost(host))
    from django.views.defaults import page_not_found

    return page_not_found(request, exception)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a request that Django itself refuses: JSON under the APIs, a page elsewhere."""
    if is_api_path(request.path):
        return respond(exception)
    from django.views.defaults import bad_request as bad_request_page

    return bad_request_page(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer an error outside of the REST views: JSON under the APIs, a page elsewhere."""
    caught = sys.exception()
    error = caught if isinstance(caught, Exception) else RuntimeError()
    if is_clients_path(request.path):
        return clients_envelope.refuse(request, error)
    answer = respond(error)
    if is_api_path(request.path):
        return answer
    from django.views.defaults import server_error as server_error_page

    template = "503.html" if answer.status_code == 503 else "500.html"
    # What failed may have stood before the language was chosen.
    with translation.override(translation.get_language_from_request(request)):
        page = server_error_page(request, template)
    page.status_code = answer.status_code
    return page


def _describe_validation(error: ValidationError) -> Problem:
    if not hasattr(error, "error_dict"):
        code = getattr(error, "code", None) or ""
        return Problem(
            Code.INVALID_ARGUMENT, 400, " ".join(error.messages), code if "-" in code else ""
        )
    violations = tuple(
        (field, message) for field, messages in error.message_dict.items() for message in messages
    )
    code, status = Code.INVALID_ARGUMENT, 400
    if isinstance(error, AlreadyExists):
        code, status = Code.ALREADY_EXISTS, 409
    message = "; ".join(f"{field}: {description}" for field, description in violations)
    return Problem(code, status, message, violations=violations)


def _headers(error: Exception) -> Iterator[tuple[str, str]]:
    if auth_header := getattr(error, "auth_header", None):
        yield "WWW-Authenticate", auth_header
    if (wait := getattr(error, "wait", None)) is not None:
        yield "Retry-After", str(math.ceil(wait))


def _encodable(text: str) -> str:
    """Return a text with its lone surrogates, which UTF-8 cannot hold, written out."""
    return text.encode("utf-8", "backslashreplace").decode()
