"""The admin in a real browser, under the strict policy; any complaint of the browser fails."""

import re

import pytest

from clients.models import ApiClient
from features.services import set_features
from tenancy.models import System
from tests.admin_forms import own
from tests.browsing import Visitor, sign_in
from tests.factories import BY, make_cast

pytestmark = pytest.mark.once


@pytest.fixture
def cast(transactional_db):
    cast = make_cast()
    set_features(cast.instance, {"actions": True}, **BY)
    return cast


def test_picker__as_one_types__offers_names(visitor):
    visitor.open("/admin/explain/")

    visitor.page.get_by_label("Who").press_sequentially("ali")

    visitor.page.wait_for_selector("#owners option", state="attached")
    option = visitor.page.locator("#owners option").first
    assert option.get_attribute("value") == "user:main/alice"


def test_wide_change__without_the_levels_name__is_not_saved(visitor, cast):
    visitor.open("/admin/owner/system/1/features/")
    visitor.choose("Actions", "On")
    visitor.click("Save changes")
    visitor.picture("confirm")
    found = visitor.audit(with_frame=False)
    visitor.page.keyboard.type("sytsem\n")
    visitor.page.get_by_text("That is not “system”").wait_for()
    assert (found, visitor.audit(with_frame=False)) == ([], [])
    assert own(System()) == {}

    visitor.page.keyboard.type("system\n")
    visitor.page.get_by_text("1 feature saved").wait_for()

    assert own(System()) == {"actions": True}


def test_two_browsers__different_features__merge_and_the_same_one_shows_both(
    visitor, cast, live_server, browser
):
    address = f"/admin/owner/user/{cast.bob.pk}/features/"
    other_context = browser.new_context()
    sign_in(other_context, live_server.url, cast.alice)
    other = Visitor(other_context.new_page(), live_server.url)
    visitor.open(address)
    other.open(address)

    visitor.choose("Actions", "Off")
    visitor.click("Save changes")
    other.choose("User schemas", "On")
    other.click("Save changes")
    assert own(cast.bob) == {"actions": False, "user_schema": True}

    # The first page still shows what it showed before the other saved.
    visitor.choose("User schemas", "Off")
    visitor.click("Save changes")
    assert "Somebody changed the same feature" in visitor.says()
    conflict = visitor.row("User schemas").locator(".conflict").inner_text()
    assert re.search(r"Now stored:\s+On · alice", conflict)
    visitor.picture("conflict")
    assert visitor.audit(with_frame=False) == []
    assert own(cast.bob) == {"actions": False, "user_schema": True}

    visitor.click("Save changes")
    assert own(cast.bob) == {"actions": False, "user_schema": False}
    other_context.close()
    assert other.complaints == []


def test_session_ended__sign_in_again__shows_what_was_typed(visitor, cast, context):
    cast.root.set_password("a quite long password")
    cast.root.save()
    sign_in(context, visitor.root, cast.root)
    visitor.open(f"/admin/owner/user/{cast.bob.pk}/features/")
    visitor.choose("Actions", "Off")
    context.clear_cookies(name="sessionid")

    visitor.click("Save changes")
    visitor.page.get_by_label("Username").fill("root")
    visitor.page.get_by_label("Password").fill("a quite long password")
    visitor.click("Sign in")
    visitor.page.wait_for_url("**/features/")

    assert "What you typed is here" in visitor.says()
    assert own(cast.bob) == {}
    visitor.click("Save changes")
    assert own(cast.bob) == {"actions": False}


def test_keyboard_alone__sets_a_value(visitor, cast):
    keyboard = visitor.page.keyboard
    visitor.search("bob")
    focused = "document.activeElement.textContent.trim() || document.activeElement.name"
    for _ in range(40):
        keyboard.press("Tab")
        if visitor.page.evaluate(focused) == "bob":
            break
    keyboard.press("Enter")
    visitor.page.wait_for_url("**/features/")
    radio = visitor.row("User schemas").get_by_role("radio", name="Inherit", exact=True)
    name = radio.get_attribute("name")
    for _ in range(60):
        keyboard.press("Tab")
        if visitor.page.evaluate("document.activeElement.name") == name:
            break
    outline = visitor.row("User schemas").locator("input:focus-visible + span")
    assert outline.evaluate("element => getComputedStyle(element).outlineStyle") == "solid"
    keyboard.press("ArrowRight")
    keyboard.press("Enter")
    visitor.page.wait_for_selector(".message.success")

    assert own(cast.bob) == {"user_schema": True}


def test_without_scripts__a_value_is_set_and_a_client_made(cast, live_server, browser):
    context = browser.new_context(java_script_enabled=False)
    sign_in(context, live_server.url, cast.root)
    visitor = Visitor(context.new_page(), live_server.url)

    visitor.open(f"/admin/owner/user/{cast.bob.pk}/features/")
    visitor.choose("Actions", "Off")
    visitor.click("Save changes")
    visitor.open("/admin/clients/apiclient/add/")
    visitor.page.get_by_label("Description").fill("Importer")
    visitor.click("Make the client")

    assert own(cast.bob) == {"actions": False}
    assert ApiClient.objects.get().description == "Importer"
    context.close()


def test_owner_of_an_organization__sees_only_theirs(cast, live_server, context):
    sign_in(context, live_server.url, cast.alice)
    visitor = Visitor(context.new_page(), live_server.url)

    visitor.open()

    navigation = visitor.page.get_by_role("navigation", name="Main").inner_text()
    assert "Organizations" in navigation
    assert "API clients" not in navigation
    assert "Acme" in visitor.says()
    assert "Globex" not in visitor.says()
    visitor.picture("owner-of-an-organization")
    assert visitor.complaints == []


def test_bulk__marked_and_previewed__is_confirmed_and_undone(visitor, cast):
    for owner in (cast.acme, cast.globex):
        set_features(owner, {"actions": True}, **BY)
    visitor.open("/admin/overrides/?level=organization&feature=actions")

    visitor.page.get_by_role("checkbox", name="Acme, Actions").check()
    visitor.page.get_by_label("What to do").select_option("set")
    visitor.page.get_by_label("Value to set").fill("off")
    visitor.click("Preview…")
    found = visitor.audit(with_frame=False)
    visitor.picture("preview")
    visitor.click("Make one change")

    assert found == []
    assert (own(cast.acme), own(cast.globex)) == ({"actions": False}, {"actions": True})
    visitor.click("Undo")
    visitor.click("Undo one change")
    assert own(cast.acme) == {"actions": True}
