"""Whom a request comes from."""

import ipaddress

import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from config.proxies import TrustProxies


def pass_through(peer, **headers):
    """Return the request as the views would see it."""
    request = RequestFactory().get("/", headers=headers, REMOTE_ADDR=peer)
    TrustProxies(lambda _: HttpResponse())(request)
    return request


@pytest.fixture(autouse=True)
def _proxies(settings):
    settings.TRUSTED_PROXIES = [
        ipaddress.ip_network("10.0.0.0/8"),
        ipaddress.ip_network("fd00::/8"),
    ]


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "caller"),
    [
        ("203.0.113.9", "", "203.0.113.9"),
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),  # nobody's proxy
        ("10.0.0.5", "", "10.0.0.5"),
        ("10.0.0.5", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.5", "192.0.2.66, 198.51.100.1", "198.51.100.1"),  # the first was made up
        ("10.0.0.5", "198.51.100.1, 10.0.0.6", "198.51.100.1"),  # two proxies
        ("10.0.0.5", "10.0.0.7, 10.0.0.6", "10.0.0.7"),  # a caller within
        ("10.0.0.5", "unknown", "10.0.0.5"),
        ("10.0.0.5", "198.51.100.1, unknown, 10.0.0.6", "10.0.0.6"),
        ("10.0.0.5", "198.51.100.1,", "198.51.100.1"),
        ("fd00::5", "[2001:db8::1]", "2001:db8::1"),
        ("", "198.51.100.1", ""),  # a socket has no address
    ],
)
def test_trust_proxies__forwarded_for__counts_from_proxies_only(peer, forwarded_for, caller):
    request = pass_through(peer, **{"X-Forwarded-For": forwarded_for})

    assert request.META["REMOTE_ADDR"] == caller


@pytest.mark.parametrize(
    ("peer", "is_secure"),
    [("10.0.0.5", True), ("203.0.113.9", False)],
)
def test_trust_proxies__forwarded_proto__counts_from_proxies_only(peer, is_secure):
    request = pass_through(peer, **{"X-Forwarded-Proto": "https"})

    assert request.is_secure() is is_secure


def test_trust_proxies__stranger__has_no_forwarded_headers_left():
    forwarded = {f"X-Forwarded-{name}": "x" for name in ("For", "Host", "Proto")}

    request = pass_through("203.0.113.9", Forwarded="for=x", **forwarded)

    assert not [name for name in request.META if "FORWARDED" in name]
