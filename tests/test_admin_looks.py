"""How the admin looks in a real browser: light, dark, narrow, and to axe."""

import pytest
from django.urls import reverse

from clients.models import ApiClient
from features.models import Feature
from features.services import lock_feature, set_features
from tests.browsing import Visitor, sign_in
from tests.factories import BY, make_cast, make_client

pytestmark = pytest.mark.once


@pytest.fixture
def cast(transactional_db):
    cast = make_cast()
    set_features(cast.instance, {"actions": True}, **BY)
    return cast


def main_pages(cast):
    """Return the address of each kind of page."""
    feature = Feature.objects.get(key="actions").pk
    client = ApiClient.objects.get().pk
    acme, bob = cast.acme.pk, cast.bob.pk
    event = reverse("admin:history")
    return {
        "overview": "/admin/",
        "features": "/admin/features/feature/",
        "feature": f"/admin/features/feature/{feature}/change/",
        "grid": f"/admin/owner/organization/{acme}/features/",
        "owner-history": f"/admin/owner/organization/{acme}/history/",
        "reset": f"/admin/owner/organization/{acme}/reset/",
        "explain": f"/admin/owner/user/{bob}/explain/{feature}/",
        "explain-pick": "/admin/explain/?owner=nobody&feature=nothing",
        "history": event,
        "overrides": "/admin/overrides/?level=organization",
        "search": "/admin/search/?q=a",
        "users": "/admin/tenancy/user/",
        "user": f"/admin/tenancy/user/{bob}/change/",
        "user-add": "/admin/tenancy/user/add/",
        "role-add": "/admin/access/membership/add/",
        "clients": "/admin/clients/apiclient/",
        "client": f"/admin/clients/apiclient/{client}/change/",
        "client-add": "/admin/clients/apiclient/add/",
        "security": f"/admin/owner/instance/{cast.instance.pk}/security/",
        "empty": "/admin/tenancy/user/?q=zzz",
        "password": "/admin/password_change/",
        "new-feature": "/admin/features/feature/add/",
    }


@pytest.fixture
def furnished(cast):
    """The cast with something on every page."""
    make_client(cast.instance, "owner", description="Importer")
    set_features(cast.acme, {"actions": False, "login_v2": {"required": True}}, **BY)
    set_features(cast.bob, {"improved_performance": ["IMPROVED_PERFORMANCE_PROJECT"]}, **BY)
    set_features(cast.instance, {"user_schema": True}, **BY)
    lock_feature(cast.instance, "user_schema", **BY)
    return cast


# Only the colours differ in the dark.
@pytest.mark.parametrize(("scheme", "rules"), [("light", ()), ("dark", ("color-contrast",))])
def test_main_pages__light_and_dark__axe_finds_nothing_serious(
    furnished, live_server, browser, scheme, rules
):
    context = browser.new_context(color_scheme=scheme, reduced_motion="reduce")
    sign_in(context, live_server.url, furnished.root)
    visitor = Visitor(context.new_page(), live_server.url)
    found = []

    for name, path in main_pages(furnished).items():
        if scheme == "dark" and name in {"users", "clients", "role-add", "user-add", "password"}:
            continue  # nothing on them that is not on another
        visitor.open(path)
        found += visitor.audit(*rules)
        if scheme == "light" or name in {"overview", "grid", "feature", "explain"}:
            visitor.picture(f"{name}-{scheme}")
    context.clear_cookies()
    visitor.open("/admin/login/")
    found += visitor.audit(*rules)
    visitor.picture(f"sign-in-{scheme}")

    assert found == []
    assert visitor.complaints == []
    context.close()


def test_main_pages__360_pixels_wide__do_not_scroll_sideways(furnished, live_server, browser):
    context = browser.new_context(viewport={"width": 360, "height": 740})
    sign_in(context, live_server.url, furnished.root)
    visitor = Visitor(context.new_page(), live_server.url)
    too_wide = {}

    for name, path in main_pages(furnished).items():
        visitor.open(path)
        if visitor.overflow() > 0:
            too_wide[name] = visitor.overflow()
        visitor.picture(f"{name}-360")

    assert too_wide == {}
    assert visitor.complaints == []
    context.close()


def test_theme__chosen_in_the_menu__stays_on_the_next_page(visitor):
    visitor.click(visitor.page.locator("details.account summary"))
    visitor.click("Dark")
    visitor.open("/admin/history/")

    background = "getComputedStyle(document.body).backgroundColor"
    assert visitor.page.locator("html").get_attribute("data-theme") == "dark"
    assert visitor.page.evaluate(background) == "rgb(24, 22, 20)"
