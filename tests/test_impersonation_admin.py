"""Impersonating in the admin: the button, the banner, the end, and nothing in a wrong name."""

from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from access.models import Impersonation
from access.permissions import Role
from access.services import grant_role
from events.models import Event
from security.services import patch_security_settings
from tests.admin_forms import field, form_of, grid_of
from tests.factories import BY, make_cast, make_holder

PAGE, END, INDEX = "/impersonation/", "/impersonation/end/", "/admin/"


class Stage:
    """The cast, with alice in the admin, and ina, who may impersonate everybody here."""

    def __init__(self):
        self.cast = make_cast()
        self.ina = make_holder(Role.IAM_ADMIN_IMPERSONATOR, self.cast.instance, "ina")
        for user in (self.ina, self.cast.alice):
            user.is_staff = True
            user.save()
        self.switch(on=True)
        self.browser = Client()
        self.browser.force_login(self.ina, "access.backends.InstanceBackend")

    def switch(self, *, on):
        patch_security_settings(self.cast.instance, {"impersonation_enabled": on}, **BY)

    def begin(self, subject):
        return self.browser.post(f"/impersonation/start/{subject.pk}/")

    def whoami(self):
        """Return the subject of the banner, or the empty text without one."""
        context = self.browser.get(PAGE).context
        running = context["request"].impersonation
        return running.subject.username if running else ""


@pytest.fixture
def stage(db):
    return Stage()


def test_first_page__holder_of_a_role_for_it__has_a_card(stage):
    assert PAGE in stage.browser.get(INDEX).content.decode()
    alice = Client()
    alice.force_login(stage.cast.alice, "access.backends.InstanceBackend")
    assert PAGE not in alice.get(INDEX).content.decode()


def test_page__before__offers_those_whom_one_may_impersonate(stage):
    users = stage.browser.get(PAGE).context["users"]

    assert [user.username for user in users] == ["alice", "bob", "carol"]
    found = stage.browser.get(PAGE, {"q": "AL"}).context["users"]
    assert [user.username for user in found] == ["alice"]
    assert stage.browser.get(PAGE, {"q": "a\x00"}).status_code == 200


@pytest.mark.parametrize(
    ("role", "names"),
    [
        (Role.IAM_END_USER_IMPERSONATOR, ["bob", "carol"]),
        (Role.ORG_ADMIN_IMPERSONATOR, ["alice", "bob", "ina"]),
        (Role.ORG_END_USER_IMPERSONATOR, ["bob"]),
        (Role.IAM_OWNER, []),
    ],
)
def test_page__each_role__offers_what_the_rules_allow(stage, role, names):
    owner = stage.cast.instance if role.value.startswith("IAM") else stage.cast.acme
    holder = make_holder(role, owner, "holder")
    holder.is_staff = True
    holder.save()
    browser = Client()
    browser.force_login(holder, "access.backends.InstanceBackend")

    users = browser.get(PAGE).context["users"]

    assert [user.username for user in users] == names
    for user in (stage.cast.alice, stage.cast.bob, stage.cast.carol):
        answer = browser.post(f"/impersonation/start/{user.pk}/", follow=True)
        assert bool(answer.context["request"].impersonation) is (user.username in names)
        browser.post(END)


def test_begin__someone_in_the_admin__sees_the_banner_on_every_page(stage):
    answer = stage.begin(stage.cast.alice)

    assert answer["Location"] == INDEX
    for page in (INDEX, PAGE, "/admin/history/"):
        shown = stage.browser.get(page).content.decode()
        assert "you act as" in shown
        assert END in shown


def test_begin__someone_outside_the_admin__sees_what_counts_for_them(stage):
    answer = stage.begin(stage.cast.bob)

    assert answer["Location"] == PAGE
    shown = stage.browser.get(PAGE)
    assert shown.status_code == 200
    assert len(shown.context["features"]) == 16
    login = stage.browser.get(INDEX, follow=True)
    assert "you act as" in login.content.decode()


def test_change__while_impersonating__names_both(stage):
    stage.begin(stage.cast.alice)
    form = form_of(stage.browser, stage.cast.acme)

    stage.browser.post(grid_of(stage.cast.acme), form | {field("actions"): "on"})

    event = Event.objects.get(type="features.set")
    assert (event.subject, event.actor_id, event.behalf_id) == ("actions", "alice", "ina")


def test_end__one_click__is_oneself_again(stage):
    stage.begin(stage.cast.alice)

    stage.browser.post(END)

    assert stage.whoami() == ""
    assert not Impersonation.objects.filter(ended_at=None).exists()
    ended, started = Event.objects.filter(type__startswith="impersonation.")
    for event in (started, ended):
        assert (event.actor_id, event.behalf_id, event.surface) == ("alice", "ina", "admin")


def test_sign_out__while_impersonating__ends_it(stage):
    stage.begin(stage.cast.alice)

    stage.browser.post("/admin/logout/")

    assert not Impersonation.objects.filter(ended_at=None).exists()
    assert stage.browser.get(INDEX).status_code == 302


def test_setting_off__running_session__ends_and_drops_the_form(stage):
    stage.begin(stage.cast.alice)
    stage.switch(on=False)

    dropped = stage.browser.post("/admin/password_change/", {"old_password": "x"})

    assert (dropped.status_code, dropped["Location"]) == (302, PAGE)
    shown = stage.browser.get(PAGE).content.decode()
    assert "The impersonation has ended" in shown
    stage.switch(on=True)
    assert stage.whoami() == ""


def test_session__after_an_hour__has_ended_by_itself_and_is_recorded(stage):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        stage.begin(stage.cast.alice)
        clock.shift(timedelta(minutes=59, seconds=59))
        before = stage.whoami()
        clock.shift(timedelta(seconds=1))
        after = stage.whoami()

    assert (before, after) == ("alice", "")
    assert Event.objects.filter(type="impersonation.ended").count() == 1


@pytest.mark.parametrize("name", ["root", "ina"])
def test_begin__someone_nobody_may_impersonate__is_refused_with_a_reason(stage, name):
    user = {"root": stage.cast.root, "ina": stage.ina}[name]

    shown = stage.browser.post(f"/impersonation/start/{user.pk}/", follow=True)

    assert "Not possible" in shown.content.decode()
    assert stage.whoami() == ""


def test_begin__while_impersonating__is_refused(stage):
    stage.begin(stage.cast.alice)

    stage.begin(stage.cast.bob)

    assert stage.whoami() == "alice"


def test_begin__no_such_user_or_by_get__is_refused(stage):
    assert stage.browser.post("/impersonation/start/999999/").status_code == 302
    assert stage.browser.post(f"/impersonation/start/{2**63}/").status_code == 302
    assert stage.browser.get(f"/impersonation/start/{stage.cast.bob.pk}/").status_code == 405
    assert stage.browser.get(END).status_code == 405


def test_begin__without_the_forms_token__is_refused(stage):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(stage.ina, "access.backends.InstanceBackend")

    answer = strict.post(f"/impersonation/start/{stage.cast.bob.pk}/")

    assert answer.status_code == 403
    assert not Impersonation.objects.exists()


def test_pages__nobody_or_no_staff__are_led_to_the_sign_in(stage):
    bob = Client()
    bob.force_login(stage.cast.bob, "access.backends.InstanceBackend")

    for client in (Client(), bob):
        for answer in (client.get(PAGE), client.post(END)):
            assert answer["Location"].startswith("/admin/login/")


def test_button__user_page__is_there_for_who_may(stage):
    olga = make_holder(Role.IAM_OWNER, stage.cast.instance, "olga")
    key = stage.cast.bob.pk
    pages = [
        f"/admin/tenancy/user/{key}/change/",
        reverse("admin:owner_features", args=["user", key]),
    ]

    shown = []
    for _ in range(2):
        olga.is_staff = True
        olga.save()
        browser = Client()
        browser.force_login(olga, "access.backends.InstanceBackend")
        shown += ["Impersonate bob" in browser.get(page).content.decode() for page in pages]
        grant_role(olga, Role.IAM_END_USER_IMPERSONATOR, stage.cast.instance, **BY)

    assert shown == [False, False, True, True]
