"""What Django's WSGI handler reads wrongly, put right before it sees the request.

A chunked body has no Content-Length, and Django reads it as empty. A malformed Content-Type raises
where no handler of errors stands yet.
"""

import io
from collections.abc import Callable, Iterable
from typing import Any

from django.utils.http import parse_header_parameters

Environ = dict[str, Any]
WsgiApplication = Callable[[Environ, Any], Iterable[bytes]]

MAX_UNANNOUNCED = (
    4 * 1024 * 1024 + 1024
)  # bytes: more than nearly any API takes, so each refuses it
IS_CUT = "strata.is_cut"  # tells those that take more that this is not all of the body
WITHOUT_BODY = {"GET", "HEAD", "OPTIONS", "TRACE"}
CHARSETS = {"", "utf-8", "utf8", "us-ascii", "iso-8859-1"}


def make_readable(application: WsgiApplication) -> WsgiApplication:
    """Return the application behind requests that Django can read."""

    def answer(environ: Environ, start_response: Any) -> Iterable[bytes]:
        environ["CONTENT_TYPE"] = readable_content_type(environ.get("CONTENT_TYPE") or "")
        if is_unannounced(environ):
            announce_body(environ)
        return application(environ, start_response)

    return answer


def readable_content_type(text: str) -> str:
    """Return a Content-Type as it came, or without parameters that Django cannot work with."""
    try:
        parameters = parse_header_parameters(text)[1]
    except (ValueError, LookupError):
        return text.partition(";")[0]
    charset = str(parameters.get("charset", "")).lower()
    return text if charset in CHARSETS else text.partition(";")[0]


def is_unannounced(environ: Environ) -> bool:
    """Whether a body may follow whose length nobody told. gRPC reads its own."""
    has_length = bool(environ.get("CONTENT_LENGTH"))
    is_grpc = environ["CONTENT_TYPE"].startswith("application/grpc")
    return not has_length and not is_grpc and environ["REQUEST_METHOD"] not in WITHOUT_BODY


def announce_body(environ: Environ) -> None:
    """Read the body and tell its length. Of one that is too large for all, no more than that."""
    body = environ["wsgi.input"].read(MAX_UNANNOUNCED)
    environ |= {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
    environ[IS_CUT] = len(body) == MAX_UNANNOUNCED
