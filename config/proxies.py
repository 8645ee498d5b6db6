"""Whom a request comes from, when it came through a proxy.

A header says whatever its sender likes, so `X-Forwarded-*` counts only from TRUSTED_PROXIES. After
this middleware REMOTE_ADDR is the caller's address and `request.is_secure()` is right.
"""

import ipaddress
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

FORWARDED_HEADERS = (
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_FORWARDED",
)


class TrustProxies:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        peer = request.META.get("REMOTE_ADDR", "")
        if is_trusted(peer):
            request.META["REMOTE_ADDR"] = find_caller(
                peer, request.META.get("HTTP_X_FORWARDED_FOR", "")
            )
        else:
            for header in FORWARDED_HEADERS:
                request.META.pop(header, None)
        return self.get_response(request)


def address_of(request: HttpRequest) -> str:
    """Return the caller's address, for those who would look for it in headers of their own."""
    return str(request.META.get("REMOTE_ADDR", ""))


def is_trusted(address: str) -> bool:
    """Tell whether this is the address of a trusted proxy; what is no address is not."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in settings.TRUSTED_PROXIES)


def find_caller(peer: str, forwarded_for: str) -> str:
    """Return the nearest address that is not one of our proxies; what is left of it, anybody wrote.

    A hop that is no address ends the search at the proxy that reported it.
    """
    nearest = peer
    for hop in reversed([part.strip() for part in forwarded_for.split(",") if part.strip()]):
        try:
            nearest = str(ipaddress.ip_address(hop.strip("[]")))
        except ValueError:
            return nearest
        if not is_trusted(nearest):
            return nearest
    return nearest
