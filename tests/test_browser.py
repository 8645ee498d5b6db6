"""The arrangement of the browser tests: a real page of a real server, with all its files."""


def test_sign_in_page__in_a_browser__gets_every_file_it_names(live_server, page):
    failed = []
    page.on("response", lambda answer: failed.append(answer.url) if not answer.ok else None)
    page.on("requestfailed", lambda request: failed.append(request.url))

    answer = page.goto(f"{live_server.url}/admin/login/", wait_until="networkidle")

    assert answer.status == 200
    assert page.locator("#site-name").inner_text() == "Strata"
    assert failed == []
