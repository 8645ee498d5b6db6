"""Bulk actions on the page of overrides: marked, looked at, confirmed, undone."""

import pytest
from django.urls import reverse

from events.models import Event, Run
from features.models import OrganizationOverride, UserOverride
from features.services import lock_feature, overrides_of, set_features
from tenancy.models import User
from tenancy.services import create_organization
from tests.admin_forms import text_of
from tests.factories import BY
from tests.page_forms import forms_of


@pytest.fixture
def cast(cast, client):
    User.objects.filter(pk=cast.alice.pk).update(is_staff=True)
    for owner in (cast.acme, cast.globex):
        set_features(owner, {"actions": True, "user_schema": True}, **BY)
    set_features(cast.carol, {"actions": True}, **BY)
    client.force_login(cast.root)
    return cast


ADDRESS = "/admin/overrides/change/"
ON_ORGANIZATIONS = {"query": "level=organization&feature=actions", "all": "yes"}


def own(owner):
    return {definition.key: stored.value for definition, stored in overrides_of(owner).items()}


def confirmed(client, form):
    """Return the form with what its preview asks for."""
    context = client.post(ADDRESS, form).context
    return form | {"seen": context["preview"].signature, "confirm": context["question"].word}


def sent_again(page):
    """Return what a browser sends from the page that asks once more what is to be done."""
    forms = forms_of(text_of(page), ADDRESS)
    (form,) = [one for one in forms if "action" in {field.name for field in one.controls}]
    return form.send(("", ""))


def test_bulk__preview__shows_before_and_after_and_writes_nothing(cast, client):
    response = client.post(ADDRESS, ON_ORGANIZATIONS | {"action": "set", "value": "off"})

    preview = response.context["preview"]
    assert (preview.summary.changed, preview.summary.owners) == (2, 2)
    assert preview.turns_off
    assert own(cast.acme) == {"actions": True, "user_schema": True}


def test_bulk__set_confirmed__writes_all_as_one_run_that_can_be_undone(cast, client):
    form = ON_ORGANIZATIONS | {"action": "set", "value": "off", "reason": "an incident"}

    page = client.post(ADDRESS, confirmed(client, form), follow=True)

    assert own(cast.acme) == own(cast.globex) == {"actions": False, "user_schema": True}
    run = Run.objects.get()
    assert "2 changes made" in page.content.decode()
    assert set(Event.objects.filter(run=run.pk).values_list("reason", "surface")) == {
        ("an incident", "admin")
    }
    undo = reverse("admin:undo_run", args=[run.pk])
    seen = client.get(undo).context["preview"].signature
    client.post(undo, {"seen": seen, "confirm": "yes"})
    assert own(cast.acme) == own(cast.globex) == {"actions": True, "user_schema": True}


def test_bulk__only_the_marked__are_changed(cast, client):
    row = OrganizationOverride.objects.get(owner=cast.acme, feature__key="actions")
    form = {"query": "level=organization", "pick": [str(row.pk)], "action": "inherit"}

    client.post(ADDRESS, confirmed(client, form))

    assert own(cast.acme) == {"user_schema": True}
    assert own(cast.globex) == {"actions": True, "user_schema": True}


def test_bulk__lock__locks_each(cast, client):
    client.post(ADDRESS, confirmed(client, ON_ORGANIZATIONS | {"action": "lock"}))

    assert OrganizationOverride.objects.filter(locked=True).count() == 2


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"action": "set", "value": "maybe"}, "must be on or off"),
        ({"action": "set", "value": ""}, "needs a value"),
    ],
)
def test_bulk__value_that_is_none__is_refused_with_its_reason(cast, client, form, said):
    response = client.post(ADDRESS, ON_ORGANIZATIONS | form | {"confirm": "yes"})

    assert said in response.content.decode()
    assert own(cast.acme)["actions"] is True


def test_bulk__locked_above__is_refused(cast, client):
    set_features(cast.instance, {"actions": True}, **BY)
    lock_feature(cast.instance, "actions", **BY)

    response = client.post(ADDRESS, ON_ORGANIZATIONS | {"action": "set", "value": "off"})

    assert "locked at instance level" in response.content.decode()


def test_bulk__changed_since_the_preview__is_shown_again(cast, client):
    form = confirmed(client, ON_ORGANIZATIONS | {"action": "inherit"})
    set_features(cast.acme, {"actions": False}, **BY)

    response = client.post(ADDRESS, form)

    assert "Something changed meanwhile" in response.content.decode()
    assert own(cast.acme)["actions"] is False


@pytest.mark.parametrize("form", [{}, {"action": "explode", "all": "yes"}, {"action": "lock"}])
def test_bulk__nothing_marked_or_asked__leads_back(cast, client, form):
    response = client.post(ADDRESS, {"query": "level=organization"} | form)

    assert response.status_code == 302
    assert not OrganizationOverride.objects.filter(locked=True).exists()


def test_bulk__owner_of_an_organization__changes_their_own_only(cast, client):
    client.force_login(cast.alice)
    foreign = UserOverride.objects.get(owner=cast.carol)

    client.post(ADDRESS, confirmed(client, ON_ORGANIZATIONS | {"action": "inherit"}))
    client.post(
        ADDRESS,
        {"query": "level=user", "pick": [str(foreign.pk)], "action": "inherit", "confirm": "yes"},
    )

    assert own(cast.acme) == {"user_schema": True}
    assert own(cast.globex) == {"actions": True, "user_schema": True}
    assert own(cast.carol) == {"actions": True}


def test_bulk__more_than_a_hundred_owners__asks_for_the_levels_name(cast, client):
    for number in range(101):
        organization = create_organization(cast.instance, f"Organization {number}")
        set_features(organization, {"actions": True}, **BY)
    form = confirmed(client, ON_ORGANIZATIONS | {"action": "inherit"})

    client.post(ADDRESS, form | {"confirm": "yes"})
    refused = OrganizationOverride.objects.filter(feature__key="actions").count()
    client.post(ADDRESS, form)

    assert form["confirm"] == "organization"
    assert refused == 103
    assert not OrganizationOverride.objects.filter(feature__key="actions").exists()


@pytest.mark.parametrize("action", ["inherit", "lock", "unlock"])
def test_bulk__value_typed_with_what_takes_none__is_told_and_nothing_is_lost(cast, client, action):
    row = OrganizationOverride.objects.get(owner=cast.acme, feature__key="actions")
    form = {"query": "level=organization&value=on", "pick": [str(row.pk)], "action": action}

    told = client.post(ADDRESS, form | {"value": 'off "x"', "reason": "tidy"})
    again = sent_again(told)
    mended = client.post(ADDRESS, again | {"action": "set", "value": "off"})

    label = {"inherit": "Let them inherit", "lock": "Lock", "unlock": "Unlock"}[action]
    assert f"A value was typed, but “{label}” is chosen. Choose “Set to…”" in text_of(told)
    typed = [again[name] for name in ("action", "value", "reason")]
    assert typed == [[action], ['off "x"'], ["tidy"]]
    assert own(cast.acme)["actions"] is True
    assert [change.after.value for change in mended.context["preview"].changes] == [False]


def test_bulk__value_that_is_none__can_be_mended_where_it_is_refused(cast, client):
    refused = client.post(ADDRESS, ON_ORGANIZATIONS | {"action": "set", "value": "maybe"})

    again = sent_again(refused)
    mended = client.post(ADDRESS, again | {"value": "off"})

    assert (again["action"], again["value"]) == (["set"], ["maybe"])
    assert mended.context["preview"].summary.changed == 2
