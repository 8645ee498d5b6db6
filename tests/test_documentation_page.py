"""/api/docs/ in a real browser, under the strict policy that every page has."""

import pytest

from tests.factories import make_cast, token_for


@pytest.mark.once
def test_documentation__in_a_browser__tries_a_request_and_nothing_is_refused(live_server, page):
    cast = make_cast("localhost")
    complaints = []
    grave = {"error", "warning"}
    page.on("console", lambda said: complaints.append(said.text) if said.type in grave else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("requestfailed", lambda request: complaints.append(request.url))

    answer = page.goto(f"{live_server.url}/api/docs/", wait_until="networkidle")
    page.get_by_role("button", name="Authorize").click()
    page.locator("#auth-bearer-value").fill(token_for(cast.bob))
    page.locator(".auth-container").first.get_by_role("button", name="Apply credentials").click()
    page.locator(".btn-done").first.click()
    page.locator("#operations-tag-Features").click()
    operation = page.locator("#operations-Features-getInstanceFeatures")
    operation.locator(".opblock-summary-control").click()
    operation.get_by_role("button", name="Try it out").click()
    operation.locator("select").first.select_option("true")
    operation.get_by_role("button", name="Execute").click()

    shown = operation.locator(".live-responses-table .response").first
    shown.wait_for()
    assert "'unsafe-inline'" not in answer.headers["content-security-policy"]
    assert "200" in shown.locator(".response-col_status").inner_text()
    assert "SOURCE_UNSPECIFIED" in shown.inner_text()
    assert complaints == []
