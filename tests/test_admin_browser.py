"""The admin in a real browser, under the strict policy; any complaint of the browser fails."""

import re

import pytest
from django.urls import reverse

from clients.models import ApiClient
from features.models import Feature
from features.services import lock_feature, overrides_of, set_features
from security.services import read_settings
from tenancy.models import System
from tests.browsing import Visitor, sign_in
from tests.factories import BY, make_cast, make_client

pytestmark = pytest.mark.once


@pytest.fixture
def cast(transactional_db):
    cast = make_cast()
    set_features(cast.instance, {"actions": True}, **BY)
    return cast


@pytest.fixture
def visitor(cast, live_server, context):
    """Root at the first page."""
    sign_in(context, live_server.url, cast.root)
    visitor = Visitor(context.new_page(), live_server.url)
    visitor.open()
    yield visitor
    assert visitor.complaints == []


def own(owner):
    return {definition.key: stored.value for definition, stored in overrides_of(owner).items()}


def test_task__find_a_feature(visitor):
    visitor.search("executions")
    visitor.click("Actions")

    assert "Where it is set" in visitor.says()
    assert visitor.clicks <= 3
    visitor.picture("feature")


def test_task__see_a_users_value_and_source(visitor):
    visitor.click("Users")
    visitor.click("bob")

    counts = visitor.row("Actions").locator(".counts").inner_text()
    assert re.search(r"On\s+Instance\s+Main", counts)
    assert visitor.clicks <= 3
    visitor.picture("grid")


def test_task__set_a_value_and_clear_it(visitor, cast):
    visitor.search("bob")
    visitor.click("bob")
    visitor.choose("Actions", "Off")
    assert "1 changed" in visitor.page.locator(".savebar").inner_text()
    visitor.click("Save changes")

    assert "1 feature saved" in visitor.says()
    assert own(cast.bob) == {"actions": False}
    assert visitor.clicks <= 3

    visitor.choose("Actions", "Inherit")
    visitor.click("Save changes")

    assert own(cast.bob) == {}


def test_task__lock_a_value(visitor, cast):
    set_features(cast.acme, {"actions": True}, **BY)

    visitor.search("acme")
    visitor.click("Acme")
    visitor.click("Lock Actions")

    [stored] = overrides_of(cast.acme).values()
    assert stored.locked
    assert visitor.clicks <= 3


def test_task__see_who_overrides_a_feature(visitor, cast):
    set_features(cast.acme, {"actions": False}, **BY)

    visitor.click("Features")
    visitor.click("Actions")
    visitor.click("Who? Organization")

    assert "Acme" in visitor.says()
    assert visitor.clicks <= 3
    visitor.picture("overrides")


def test_task__see_who_changed_it(visitor):
    visitor.search("actions")
    visitor.click("Actions")

    assert "tester" in visitor.page.locator("section", has_text="Last changes").inner_text()
    assert visitor.clicks <= 3


def test_task__undo_a_change(visitor, cast):
    visitor.click(visitor.page.get_by_role("link", name=re.compile("^Undo")).first)
    visitor.picture("undo")
    visitor.click("Undo one change")

    assert "1 change undone" in visitor.says()
    assert own(cast.instance) == {}
    assert visitor.clicks <= 3


def test_task__reset_an_organization(visitor, cast):
    set_features(cast.acme, {"actions": False, "user_schema": True}, **BY)

    visitor.search("acme")
    visitor.click("Acme")
    visitor.click("Reset all to inherit…")
    visitor.picture("reset")
    visitor.click("Reset")

    assert own(cast.acme) == {}
    assert visitor.clicks <= 3


def test_task__rotate_a_clients_secret(visitor, cast):
    row = make_client(cast.instance, "owner", description="Importer").client
    visitor.open()

    visitor.click("Importer")
    visitor.click("Rotate the secret")

    secret = visitor.page.locator("#secret").inner_text()
    assert len(secret) == 32
    assert ApiClient.objects.get(pk=row.pk).secret_digest != row.secret_digest
    assert visitor.clicks <= 3
    visitor.page.locator("#secret").evaluate("element => element.textContent = '•'.repeat(32)")
    visitor.picture("secret")


def test_task__change_a_clients_features(visitor, cast):
    row = make_client(cast.instance, "direct_access", description="Importer").client
    visitor.open()

    visitor.click("Importer")
    visitor.click(visitor.page.get_by_role("checkbox", name=re.compile("^direct_read_access")))
    visitor.picture("client")
    visitor.click("Save the features")

    assert ApiClient.objects.get(pk=row.pk).feature_names == ["direct_access", "direct_read_access"]
    assert visitor.clicks <= 3


def test_task__allow_an_origin(visitor, cast):
    visitor.click("Main")
    visitor.click("Security")
    visitor.page.get_by_role("checkbox", name=re.compile("^Other pages")).check()
    visitor.page.get_by_label("Allowed origins").fill("https://app.example.com")
    visitor.picture("security")
    visitor.click("Save")

    assert "Saved" in visitor.says()
    assert read_settings(cast.instance).allowed_origins == ("https://app.example.com",)
    assert visitor.clicks <= 3


def test_task__explain_a_value(visitor, cast):
    visitor.click("Explain")
    visitor.page.get_by_label("Who").fill("bob")
    visitor.page.get_by_label("Feature").fill("actions")
    visitor.click(visitor.page.locator("main button", has_text="Explain"))

    assert "On, because the instance Main set it on" in visitor.says()
    visitor.picture("explain")


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
    visitor.page.keyboard.type("sytsem\n")
    visitor.page.get_by_text("That is not “system”").wait_for()
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


def test_task__disable_a_feature_everywhere(visitor):
    visitor.click("Features")
    visitor.click("Actions")
    visitor.click("Disable everywhere…")
    visitor.picture("disable")
    visitor.page.keyboard.type("system\n")
    visitor.page.wait_for_selector(".message.success")

    assert not Feature.objects.get(key="actions").enabled
    assert visitor.clicks <= 3


def test_bulk__marked_and_previewed__is_confirmed_and_undone(visitor, cast):
    for owner in (cast.acme, cast.globex):
        set_features(owner, {"actions": True}, **BY)
    visitor.open("/admin/overrides/?level=organization&feature=actions")

    visitor.page.get_by_role("checkbox", name="Acme, Actions").check()
    visitor.page.get_by_label("What to do").select_option("set")
    visitor.page.get_by_label("Value to set").fill("off")
    visitor.click("Preview…")
    found = visitor.audit()
    visitor.picture("preview")
    visitor.click("Make one change")

    assert found == []
    assert (own(cast.acme), own(cast.globex)) == ({"actions": False}, {"actions": True})
    visitor.click("Undo")
    visitor.click("Undo one change")
    assert own(cast.acme) == {"actions": True}
