"""The transports as an ordinary Django view, so that every server and the test client serve them.

The library answers gRPC, gRPC-Web and Connect as one WSGI application. What stands here is what
lies between it and Django: the body of a request, the trailers of an answer.
"""

from collections.abc import Callable
from typing import Any

from connectrpc.server import ConnectWSGIApplication
from django.http import (
    FileResponse,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    StreamingHttpResponse,
)
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from rpc.calls import Call, CappedInput, Guard, current
from rpc.codecs import BinaryCodec, JsonCodec
from rpc.endpoints import (
    UNKNOWN_METHOD,
    Describe,
    DescribeErrors,
    SignInFirst,
    make_endpoints,
)
from rpc.errors import DESCRIPTORS

MAX_MESSAGE = 4 * 1024 * 1024  # bytes
MAX_BODY = MAX_MESSAGE + 5  # a message in gRPC's envelope
SEND_TRAILERS = "wsgi.ext.http.send_trailers"
WRONG_PORT = "native gRPC needs trailers, which this port cannot send: use the gRPC listener's\n"


class Application(ConnectWSGIApplication):
    """All services as one application."""

    @property
    def path(self) -> str:
        """The prefix of a single service, of which this has none."""
        return ""

    def has_method(self, path: str) -> bool:
        """Whether there is a method at this path."""
        return path in self._endpoints


def make_view(
    describe: Describe, find_obstacle: Callable[[], str], guard: Guard
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Return the view of all methods."""
    application = Application(
        endpoints=make_endpoints(find_obstacle),
        interceptors=[SignInFirst(describe), DescribeErrors(describe)],
        codecs=[BinaryCodec(), JsonCodec()],
        read_max_bytes=MAX_MESSAGE,
    )

    @csrf_exempt
    def call_method(request: HttpRequest) -> HttpResponseBase:
        body = CappedInput(request.META["wsgi.input"], MAX_BODY + 1)
        environ = make_environ(request, application) | {"wsgi.input": body}
        call = Call(request, body, guard)
        if call.is_native_grpc and SEND_TRAILERS not in environ:
            return HttpResponse(WRONG_PORT, status=415, content_type="text/plain")
        token = current.set(call)
        try:
            response = respond(application, environ, is_streamed=call.is_native_grpc)
            # For logs and metrics: HTTP's status says little of a call, and a path is no label.
            response.route = environ["PATH_INFO"]  # type: ignore[attr-defined]
            response.grpc_status = call.grpc_status  # type: ignore[attr-defined]
            return response
        finally:
            current.reset(token)

    return call_method


def make_environ(request: HttpRequest, application: Application) -> dict[str, Any]:
    """Return what the application reads of a request, but for its body.

    That is the server's own stream: Django would read a gRPC request as empty, for it never has a
    Content-Length.
    """
    path = request.path_info if application.has_method(request.path_info) else UNKNOWN_METHOD
    environ = request.META | {"SCRIPT_NAME": "", "PATH_INFO": path}
    if send_trailers := environ.get("gunicorn.http2.send_trailers"):
        environ[SEND_TRAILERS] = send_trailers
    return environ


def respond(
    application: Application, environ: dict[str, Any], *, is_streamed: bool
) -> HttpResponseBase:
    """Return the application's answer. All methods are unary: there is one chunk, or none.

    One that is streamed leaves without a Content-Length: where that is 0, nginx drops the trailers,
    in which gRPC has its errors.
    """
    response = StreamingHttpResponse() if is_streamed else HttpResponse()
    del response.headers["Content-Type"]

    def start_response(status: str, headers: list[tuple[str, str]], *_: Any) -> Any:
        response.status_code = int(status.split(" ", 1)[0])
        for name, value in headers:
            response[name] = value

    content = b"".join(application(environ, start_response))
    if isinstance(response, StreamingHttpResponse):
        response.streaming_content = [content]
    else:
        response.content = content
    return response


@require_safe
def download_descriptors(_request: HttpRequest) -> FileResponse:
    """Return all messages and services described, for tools such as grpcurl."""
    return FileResponse(DESCRIPTORS.open("rb"), as_attachment=True, filename="strata.binpb")
