"""Each task of an administrator in a real browser, in three clicks at most."""

import re

import pytest

from clients.models import ApiClient
from features.models import Feature
from features.services import overrides_of, set_features
from security.services import read_settings
from tests.admin_forms import own
from tests.factories import BY, make_cast, make_client

pytestmark = pytest.mark.once


@pytest.fixture
def cast(transactional_db):
    cast = make_cast()
    set_features(cast.instance, {"actions": True}, **BY)
    return cast


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
    assert visitor.audit(with_frame=False) == []
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
    assert visitor.audit(with_frame=False) == []
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


def test_task__disable_a_feature_everywhere(visitor):
    visitor.click("Features")
    visitor.click("Actions")
    visitor.click("Disable everywhere…")
    found = visitor.audit(with_frame=False)
    visitor.picture("disable")
    visitor.page.keyboard.type("system\n")
    visitor.page.wait_for_selector(".message.success")

    assert found == []
    assert not Feature.objects.get(key="actions").enabled
    assert visitor.clicks <= 3
