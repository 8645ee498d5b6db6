"""What protects the pages: headers and cookies that follow from the instance's settings at once."""

import pytest
from django.contrib.auth import get_user_model
from django.db import OperationalError, connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test import Client
from django.test.utils import CaptureQueriesContext

from security.headers import CONTENT_POLICY, page_headers, same_site
from security.services import set_security_settings
from security.settings import SecuritySettings
from tenancy.services import create_instance
from tests.factories import BY

ORIGINS = ("https://app.example.com", "https://*.example.org")
EMBEDDED = SecuritySettings(True, ORIGINS)
ALLOWED = "frame-ancestors https://app.example.com https://*.example.org"
STATES = [
    (SecuritySettings(), "frame-ancestors 'none'", "DENY"),
    (SecuritySettings(False, ORIGINS), "frame-ancestors 'none'", "DENY"),
    (SecuritySettings(True, ()), "frame-ancestors 'none'", "DENY"),
    (EMBEDDED, ALLOWED, None),
]
PAGES = ["/admin/login/", "/admin/", "/", "/nowhere", "/admin/nowhere/", "/clients/nowhere"]


def ancestors_of(response):
    policy = response["Content-Security-Policy"]
    return next(part for part in policy.split("; ") if part.startswith("frame-ancestors"))


@pytest.mark.once
@pytest.mark.parametrize(("settings", "ancestors", "frame_options"), STATES)
def test_page_headers__each_state__follow(settings, ancestors, frame_options):
    headers = page_headers(settings)

    assert headers["Content-Security-Policy"] == "; ".join((*CONTENT_POLICY, ancestors))
    assert headers.get("X-Frame-Options") == frame_options


@pytest.mark.once
@pytest.mark.parametrize("over_https", [True, False])
@pytest.mark.parametrize(("settings", "ancestors", "frame_options"), STATES)
def test_same_site__each_state__is_none_only_embedded_over_https(
    settings, ancestors, frame_options, over_https
):
    expected = "None" if ancestors == ALLOWED and over_https else "Lax"

    assert same_site(settings, over_https=over_https) == expected


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(("settings", "ancestors", "frame_options"), STATES)
def test_page__each_state__has_the_headers(client, cast, path, settings, ancestors, frame_options):
    set_security_settings(cast.instance, settings, **BY)

    response = client.get(path)

    assert response["Content-Security-Policy"] == "; ".join((*CONTENT_POLICY, ancestors))
    assert response.headers.get("X-Frame-Options") == frame_options
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Referrer-Policy"] == "same-origin"
    assert "camera=()" in response["Permissions-Policy"]
    assert "Strict-Transport-Security" not in response.headers


def test_page__over_https__asks_for_https_from_now_on(client, cast, settings):
    settings.SECURE_HSTS_SECONDS = 60

    for path in PAGES:
        assert client.get(path, secure=True)["Strict-Transport-Security"].startswith("max-age=60")


def test_page__another_instance__is_not_touched(client, cast):
    create_instance("Other", domains=["other.example"])
    set_security_settings(cast.instance, EMBEDDED, **BY)

    assert ancestors_of(client.get("/admin/login/")) == ALLOWED
    other = client.get("/admin/login/", headers={"host": "other.example"})
    assert ancestors_of(other) == "frame-ancestors 'none'"
    assert other["X-Frame-Options"] == "DENY"


def test_page__setting_switched__changes_with_the_next_request(client, cast):
    seen = []
    for settings in (SecuritySettings(), EMBEDDED, SecuritySettings(), EMBEDDED):
        set_security_settings(cast.instance, settings, **BY)
        seen.append(ancestors_of(client.get("/admin/login/")))

    assert seen == ["frame-ancestors 'none'", ALLOWED] * 2


def test_page__settings_known__costs_one_query_for_the_revision(client, cast):
    set_security_settings(cast.instance, EMBEDDED, **BY)
    client.get("/admin/login/")

    with CaptureQueriesContext(
        connection,
    ) as queries:
        response = client.get("/admin/login/")

    assert ancestors_of(response) == ALLOWED
    assert len(queries) == 1
    assert "tenancy_revision" in queries[0]["sql"]


def test_error_page__view_that_fails__is_protected_and_framed_as_allowed(cast, monkeypatch):
    set_security_settings(cast.instance, EMBEDDED, **BY)
    monkeypatch.setattr("access.sites.StrataSite.each_context", _fail)

    response = Client(raise_request_exception=False).get("/admin/login/")

    assert response.status_code == 500
    assert ancestors_of(response) == ALLOWED


def test_error_page__database_away__is_protected_and_waits_once(cast, monkeypatch):
    set_security_settings(cast.instance, EMBEDDED, **BY)
    attempts = []

    def fail(self: BaseDatabaseWrapper) -> None:
        attempts.append(1)
        raise OperationalError("gone")

    with monkeypatch.context() as patched:
        patched.setattr(BaseDatabaseWrapper, "_cursor", fail)
        response = Client(raise_request_exception=False).get("/admin/login/")

    assert response.status_code >= 500
    assert ancestors_of(response) == "frame-ancestors 'none'"
    assert response["X-Frame-Options"] == "DENY"
    assert len(attempts) == 1


def _fail(*_args, **_kwargs):
    raise RuntimeError("a mistake")


def test_api_answer__json__has_no_page_headers(client, cast):
    response = client.get("/v2/settings/security")

    assert response["Content-Type"] == "application/json"
    assert "Content-Security-Policy" not in response.headers


@pytest.mark.parametrize(
    ("settings", "secure", "same_site_value"),
    [
        (SecuritySettings(), True, "Lax"),
        (SecuritySettings(True), True, "Lax"),
        (EMBEDDED, False, "Lax"),
        (EMBEDDED, True, "None"),
    ],
)
def test_cookies__signing_in__go_where_the_settings_allow(
    client, cast, settings, secure, same_site_value
):
    set_security_settings(cast.instance, settings, **BY)
    get_user_model().objects.create_superuser("ada", "a long passphrase")

    client.get("/admin/login/", secure=secure)
    response = client.post(
        "/admin/login/", {"username": "ada", "password": "a long passphrase"}, secure=secure
    )

    assert response.status_code == 302
    cookies = {name: response.cookies[name] for name in ("sessionid", "csrftoken")}
    assert {cookie["samesite"] for cookie in cookies.values()} == {same_site_value}
    assert all(cookie["httponly"] for cookie in cookies.values())
    if same_site_value == "None":
        assert all(cookie["secure"] for cookie in cookies.values())


@pytest.mark.parametrize(
    ("settings", "attributes"),
    [(EMBEDDED, "SameSite=None; Partitioned; Secure"), (SecuritySettings(), "SameSite=Lax")],
)
def test_cookies__set_in_a_frame__are_kept_for_that_site_alone(client, cast, settings, attributes):
    set_security_settings(cast.instance, settings, **BY)

    response = client.get("/admin/login/", secure=True, headers={"sec-fetch-dest": "iframe"})

    assert attributes in response.cookies["csrftoken"].OutputString()
