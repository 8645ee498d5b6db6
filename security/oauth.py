"""The form of OAuth 2.0: parameters in, answers and errors out (RFC 6749, 5)."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import HttpRequest, HttpResponse, JsonResponse
from rest_framework.exceptions import AuthenticationFailed, NotAuthenticated, Throttled

from access.callers import UnknownHost
from access.throttling import TooManyRequests

FORM = "application/x-www-form-urlencoded"
MAX_PARAMETERS = 100
REPEATABLE = frozenset({"resource", "audience"})  # RFC 8693, 2.1


class OAuthError(Exception):
    """An error as OAuth names it, with a sentence for people."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.error = error
        self.description = description
        self.status = status


class InvalidRequest(OAuthError):
    """A parameter that is missing, doubled or malformed."""

    def __init__(self, description: str) -> None:
        super().__init__("invalid_request", description)


class InvalidGrant(OAuthError):
    """A token or a user that is not valid here; the answer does not say in what way."""

    def __init__(self, parameter: str) -> None:
        super().__init__("invalid_grant", f"{parameter} is not valid")


def read_form(request: HttpRequest) -> dict[str, str]:
    """Return the parameters of a form body; empty ones count as absent. InvalidRequest.

    Those of the address are ignored: secrets in it would end in logs.
    """
    if request.content_type not in {FORM, ""}:
        raise InvalidRequest(f"the body must be {FORM}")
    try:
        pairs = parse_qsl(
            request.body.decode(),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MAX_PARAMETERS,
        )
    except (ValueError, RequestDataTooBig):
        raise InvalidRequest("the body is not a form") from None
    parameters: dict[str, str] = {}
    for name, value in pairs:
        if name in parameters and name not in REPEATABLE:
            raise InvalidRequest(f"{_shown(name)} comes more than once")
        if "\x00" in value:
            raise InvalidRequest(f"{_shown(name)} is malformed")
        parameters[name] = value
    return {name: value for name, value in parameters.items() if value}


def respond(body: Mapping[str, Any]) -> HttpResponse:
    """Return a success, which nobody may keep."""
    return _uncached(JsonResponse(body))


def refuse(error: Exception) -> HttpResponse:
    """Return what an exception says in OAuth's form; one that it has no form for is raised."""
    match error:
        case OAuthError():
            return _refuse(error.error, error.description, error.status)
        case NotAuthenticated() | AuthenticationFailed():
            response = _refuse("invalid_client", "the client credentials are not valid", 401)
            response.headers["WWW-Authenticate"] = 'Basic realm="strata"'
            return response
        case Throttled():
            response = (
                _refuse("invalid_request", "too many requests: try later", 429)
                if isinstance(error, TooManyRequests)
                else _refuse("invalid_client", "too many wrong credentials: try later", 429)
            )
            response.headers["Retry-After"] = str(int(getattr(error, "wait", None) or 0) + 1)
            return response
        case PermissionDenied():
            return _refuse("access_denied", str(error), 403)
        case UnknownHost():
            return _refuse("invalid_request", str(error), 404)
    raise error


def refuse_method() -> HttpResponse:
    """Return what a request by another verb than POST gets."""
    response = _refuse("invalid_request", "use POST", 405)
    response.headers["Allow"] = "POST"
    return response


def _refuse(error: str, description: str, status: int) -> HttpResponse:
    body = {"error": error, "error_description": _plain(description)}
    return _uncached(JsonResponse(body, status=status))


def _uncached(response: HttpResponse) -> HttpResponse:
    response.headers["Cache-Control"] = "no-store"
    response.headers["Pragma"] = "no-cache"
    return response


def _shown(name: str) -> str:
    return f'the parameter "{name[:50]}"'


def _plain(description: str) -> str:
    """Return the text in the characters that an error_description may have (RFC 6749, 5.2)."""
    quoted = description.replace('"', "'").replace("\\", "/")
    return "".join(character if " " <= character <= "~" else "?" for character in quoted)
