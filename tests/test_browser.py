"""The arrangement of the browser tests: a real page of a real server, with all its files."""

import pytest

from tests.factories import make_cast

pytestmark = pytest.mark.once


def test_sign_in_page__in_a_browser__gets_every_file_it_names(live_server, page):
    failed = []
    page.on("response", lambda answer: failed.append(answer.url) if not answer.ok else None)
    page.on("requestfailed", lambda request: failed.append(request.url))

    answer = page.goto(f"{live_server.url}/admin/login/", wait_until="networkidle")

    assert answer.status == 200
    assert page.locator("#site-name").inner_text() == "Strata"
    assert failed == []


def test_first_page__after_signing_in__is_whole(live_server, page, transactional_db):
    cast = make_cast()
    cast.root.set_password("a quite long password")
    cast.root.save()
    complaints = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)

    page.goto(f"{live_server.url}/admin/")
    page.get_by_label("Username").fill("root")
    page.get_by_label("Password").fill("a quite long password")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/admin/")

    assert page.get_by_role("heading", name="Overview").is_visible()
    assert complaints == []
