"""The paths of the methods. Whoever mounts them hands over what rpc may not import."""

from collections.abc import Callable

from django.urls import URLPattern, path, re_path

from rpc.calls import Guard
from rpc.endpoints import Describe
from rpc.views import download_descriptors, make_view

METHOD_PREFIXES = ("/zitadel.", "/grpc.")
PREFIXES = (*METHOD_PREFIXES, "/rpc/")


def make_urls(
    describe: Describe, find_obstacle: Callable[[], str], guard: Guard
) -> list[URLPattern]:
    """Return the patterns of all methods.

    ``describe`` is the table of errors; ``find_obstacle`` says what the health service answers by:
    why no requests can be answered, or ""; ``guard`` raises for requests that no caller may make.
    """
    return [
        # Any service of these packages: an unknown one is refused in the words of the protocol.
        re_path(r"^(?:zitadel|grpc)\.[\w.]+/\w+\Z", make_view(describe, find_obstacle, guard)),
        path("rpc/descriptors", download_descriptors),
    ]
