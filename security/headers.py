"""The headers that follow from an instance's security settings. Pure: settings in, texts out."""

from typing import Literal

from security.settings import SecuritySettings

CONTENT_POLICY = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "object-src 'none'",
)
# What a page of ours never needs, and a page that was taken over shall not get.
UNUSED_ABILITIES = (
    "accelerometer",
    "browsing-topics",
    "camera",
    "display-capture",
    "geolocation",
    "gyroscope",
    "magnetometer",
    "microphone",
    "midi",
    "payment",
    "usb",
    "xr-spatial-tracking",
)
PERMISSIONS_POLICY = ", ".join(f"{ability}=()" for ability in UNUSED_ABILITIES)


def content_security_policy(settings: SecuritySettings) -> str:
    """Return the policy of a page: ours alone, framed by the allowed origins alone."""
    ancestors = " ".join(settings.embedding_origins) or "'none'"
    return "; ".join((*CONTENT_POLICY, f"frame-ancestors {ancestors}"))


def page_headers(settings: SecuritySettings) -> dict[str, str]:
    """Return the headers of a page; X-Frame-Options is in them only where nobody may embed it.

    Those that are the same everywhere come from Django's own settings (SECURE_…).
    """
    headers = {
        "Content-Security-Policy": content_security_policy(settings),
        "Permissions-Policy": PERMISSIONS_POLICY,
    }
    if not settings.embedding_origins:
        headers["X-Frame-Options"] = "DENY"
    return headers


def same_site(settings: SecuritySettings, *, over_https: bool) -> Literal["Lax", "None"]:
    """Return how far cookies go: into foreign frames only where embedding is allowed.

    Browsers keep a cookie that says None only when it is Secure, and so only over HTTPS.
    """
    return "None" if settings.embedding_origins and over_https else "Lax"
