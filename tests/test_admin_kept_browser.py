"""A form that was open while somebody signed in elsewhere, in a real browser."""

import pytest
from django.urls import reverse

from clients.models import ApiClient
from tests.admin_forms import grid_of, own, page_of
from tests.browsing import Visitor, sign_in
from tests.factories import make_cast, make_client

pytestmark = pytest.mark.once
PASSWORD = "a quite long password"


@pytest.fixture
def cast(transactional_db):
    cast = make_cast()
    for user in (cast.root, cast.alice):
        user.set_password(PASSWORD)
        user.is_staff = True
        user.save()
    return cast


@pytest.fixture
def tabs(page, context, cast, live_server):
    """Two tabs of one browser, in which root is signed in."""
    sign_in(context, live_server.url, cast.root)
    return Visitor(page, live_server.url), Visitor(context.new_page(), live_server.url)


def change_person(tab, username):
    """Sign out and in again in a tab, as anybody would."""
    tab.open()
    tab.page.locator("details.account summary").click()
    tab.click("Sign out")
    tab.open()
    tab.page.get_by_label("Username").fill(username)
    tab.page.get_by_label("Password").fill(PASSWORD)
    tab.click("Sign in")
    tab.page.wait_for_url("**/admin/")


def test_form__signed_in_again_in_another_tab__is_filled_in_and_sent_by_one_click(tabs, cast):
    first, second = tabs
    issued = make_client(cast.instance, "direct_access")
    first.open(page_of(issued.client))
    first.page.get_by_label("Allowed networks").fill("10.0.0.0/8")
    change_person(second, "root")

    first.click("Save the networks")
    first.page.get_by_text("What you typed is here").wait_for()
    first.picture("kept")
    assert first.page.get_by_label("Allowed networks").input_value() == "10.0.0.0/8"
    assert ApiClient.objects.get().networks == ["0.0.0.0/0"]
    first.click("Save the networks")
    first.page.get_by_text("Saved.").wait_for()

    assert ApiClient.objects.get().networks == ["10.0.0.0/8"]
    assert first.audit() + first.complaints + second.complaints == []


def test_click__signed_in_again_in_another_tab__asks_before_it_is_done(tabs, cast):
    first, second = tabs
    issued = make_client(cast.instance, "direct_access")
    first.open(page_of(issued.client))
    change_person(second, "root")

    first.click("Disable the client")
    first.page.get_by_role("heading", name="Not sent yet").wait_for()
    first.picture("unsent")
    assert not ApiClient.objects.get().disabled
    assert first.audit() == []
    first.click("Send it now")
    first.page.get_by_text("Saved.").wait_for()

    assert ApiClient.objects.get().disabled
    assert first.complaints == []


def test_grid__another_person_signed_in_in_another_tab__does_nothing(tabs, cast):
    first, second = tabs
    first.open(grid_of(cast.bob))
    first.choose("Actions", "On")
    first.page.get_by_placeholder("Why?").fill("of root alone")
    change_person(second, "alice")

    first.click("Save changes")
    first.page.get_by_text("This page was made for somebody else").first.wait_for()
    first.picture("foreign")
    second.open(grid_of(cast.bob))

    assert "of root alone" not in second.page.content()
    assert own(cast.bob) == {}
    # The browser itself tells of a page with the status 403.
    assert all("403" in complaint for complaint in first.complaints)


def test_sign_out__signed_in_again_in_another_tab__leads_to_where_it_works(tabs, cast):
    first, second = tabs
    first.open(reverse("admin:history"))
    change_person(second, "root")

    first.page.locator("details.account summary").click()
    first.click("Sign out")
    first.page.get_by_text("Sign out here").wait_for()
    first.page.locator("details.account summary").click()
    first.click("Sign out")
    first.page.get_by_text("You are signed out").or_(
        first.page.get_by_text("Sign in")
    ).first.wait_for()

    assert first.complaints == []
