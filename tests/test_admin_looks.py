"""How the admin looks in a real browser: light, dark, narrow, and to axe."""

import re

import pytest

from config.settings import BASE_DIR
from features.services import set_features
from tests.admin_addresses import addresses_of, furnish, others_of, pages_of
from tests.browsing import Visitor, sign_in
from tests.factories import BY, make_cast

pytestmark = pytest.mark.once


@pytest.fixture
def cast(transactional_db):
    cast = make_cast()
    set_features(cast.instance, {"actions": True}, **BY)
    return cast


@pytest.fixture
def furnished(cast):
    """The cast with something on every page."""
    furnish(cast)
    return cast


# Pages with nothing on them, and what they say of what was not found.
WITHOUT_ROWS = [
    *("/admin/tenancy/user/?q=zzz", "/admin/clients/apiclient/?q=zzz", "/admin/overrides/?q=zzz"),
    *("/admin/features/feature/?q=zzz", "/admin/search/?q=zzz", "/admin/search/?q=a"),
    *("/admin/explain/?owner=zzz&feature=zzz", "/admin/history/?before=1"),
]
PROBLEMS = {
    403: "/admin/access/accesstoken/add/",
    404: "/admin/nothing/",
    500: "/admin/search/?q=a",
}


def test_address__that_is_said_to_be_no_page__is_none(furnished, client):
    client.force_login(furnished.root)

    pages = [path for path in others_of(furnished) if _is_page(client.get(path))]

    assert pages == []


def _is_page(response):
    return response.status_code == 200 and response["Content-Type"].startswith("text/html")


def test_every_page__light_dark_and_narrow__is_accessible_and_fits(furnished, visitor):
    faults = visitor.audit()

    for path in pages_of(furnished) + WITHOUT_ROWS:
        answer = visitor.page.goto(visitor.root + path)
        if answer.status != 200:
            faults.append(f"{path}: {answer.status}")
        faults += visitor.audit(with_frame=False)
        if overflow := visitor.overflow_at(360):
            faults.append(f"{path}: {overflow} pixels too wide for a telephone")

    assert faults == []


def test_pages_of_who_owns_one_organization__light_and_dark__are_accessible(
    furnished, live_server, context
):
    sign_in(context, live_server.url, furnished.alice)
    visitor = Visitor(context.new_page(), live_server.url)
    faults = []

    for path in ("/admin/", *addresses_of("owner_features", furnished)[2:], "/admin/overrides/"):
        visitor.open(path)
        faults += visitor.audit()

    assert faults == []
    assert visitor.complaints == []


def test_signing_out_and_in__light_and_dark__is_accessible(furnished, visitor):
    faults = []

    visitor.click(visitor.page.locator("details.account summary"))
    faults += visitor.audit()
    visitor.click("Sign out")
    faults += visitor.audit()
    visitor.open("/admin/login/")
    visitor.picture("sign-in")
    faults += visitor.audit()
    visitor.page.get_by_label("Username").fill("root")
    visitor.page.get_by_label("Password").fill("a guess")
    visitor.click("Sign in")
    faults += visitor.audit()
    if overflow := visitor.overflow_at(360):
        faults.append(f"{overflow} pixels too wide for a telephone")

    assert faults == []


def test_problem_pages__light_dark_and_narrow__are_accessible_and_fit(
    furnished, visitor, context, monkeypatch, settings
):
    monkeypatch.setattr("features.admin_views.finding.page_context", None)
    settings.AXES_FAILURE_LIMIT = 1
    faults, said = [], []

    def look(status):
        said.append((status, visitor.page.locator(".code-big").inner_text()))
        faults.extend(visitor.audit())
        if overflow := visitor.overflow_at(360):
            faults.append(f"{status}: {overflow} pixels too wide for a telephone")
        visitor.picture(f"problem-{status}")

    for status, path in PROBLEMS.items():
        visitor.open(path)
        look(status)
    visitor.page.goto("about:blank")
    visitor.page.set_content(f'<form method="post" action="{visitor.root}/admin/"></form>')
    visitor.page.locator("form").evaluate("form => form.submit()")
    visitor.page.wait_for_selector(".code-big")
    look(403)
    context.clear_cookies()
    visitor.open("/admin/login/")
    visitor.page.get_by_label("Username").fill("root")
    visitor.page.get_by_label("Password").fill("a guess")
    visitor.click("Sign in")
    look(429)

    assert faults == []
    assert all(str(status) == shown for status, shown in said)
    # The browser tells of the answers' statuses, and of nothing else.
    assert all("the server responded with a status of" in one for one in visitor.complaints)
    visitor.complaints.clear()


def test_style_sheet__in_the_dark__differs_in_colours_alone():
    """The audit of the dark pages rests on it."""
    sheet = (BASE_DIR / "static/strata.css").read_text()

    dark = [line for line in sheet.splitlines() if "data-theme" in line]

    assert "prefers-color-scheme" not in sheet
    assert all(
        re.fullmatch(r':root\[data-theme="\w+"\] { color-scheme: \w+; }', line) for line in dark
    )


def test_theme__chosen_in_the_menu__stays_on_the_next_page(visitor):
    visitor.click(visitor.page.locator("details.account summary"))
    visitor.click("Dark")
    visitor.open("/admin/history/")

    background = "getComputedStyle(document.body).backgroundColor"
    assert visitor.page.locator("html").get_attribute("data-theme") == "dark"
    assert visitor.page.evaluate(background) == "rgb(24, 22, 20)"
