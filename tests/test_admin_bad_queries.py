"""Addresses of lists and of the search that nobody types: a page that says so, never an error."""

import pytest
from django.contrib import admin
from django.urls import reverse

from events.models import Event
from features.models import Feature
from features.services import set_features
from tests.admin_forms import page_of, text_of
from tests.factories import BY, make_client

OWN_LISTS = {
    "search": ["q"],
    "explain_pick": ["owner", "feature"],
    "history": ["feature", "surface", "who", "before"],
    "overrides": ["level", "feature", "owner", "value", "locked", "before"],
    "owner_features": ["q", "show", "stage", "page"],
    "owner_history": ["feature", "surface", "who", "before"],
}
LEFT_OUT = "It was left out"
BAD = {
    "nul": ("a%00b", "holds a control character"),
    "escape": ("%1B[2J", "holds a control character"),
    "long": ("x" * 70_000, "is longer than 1000 characters"),
}
ODD = ["%ED%A0%80", "%FF", "%25", "_", "%27%22%3C", "-1", "9" * 40, "%C2%B2", "x" * 1000]


@pytest.fixture
def cast(kept_cast, db, client):
    set_features(kept_cast.bob, {"actions": True}, **BY)
    make_client(kept_cast.instance, "owner")
    client.force_login(kept_cast.root)
    return kept_cast


def lists(cast):
    """Return each list's address with the names of its parameters."""
    found = {}
    for name, parameters in OWN_LISTS.items():
        arguments = ["user", cast.bob.pk] if name.startswith("owner_") else []
        found[reverse(f"admin:{name}", args=arguments)] = parameters
    for model, model_admin in admin.site._registry.items():
        address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        filters = [f"{name}__exact" for name in model_admin.list_filter]
        searches = ["q"] if model_admin.search_fields else []
        found[address] = ["p", "o", *searches, *filters]
    return found


@pytest.mark.parametrize("kind", BAD)
def test_list__parameter_that_no_row_could_hold__is_left_out_and_said(cast, client, kind):
    value, said = BAD[kind]

    silent = []
    for address, names in lists(cast).items():
        query = "&".join(f"{name}={value}" for name in names)
        page = client.get(f"{address}?{query}", follow=True)
        if page.status_code != 200 or text_of(page).count(said) != len(names):
            silent.append((address, page.status_code, text_of(page).count(said)))

    assert silent == []


def test_list__unknown_parameters__are_left_out_and_said(cast, client):
    unknown = ["nothing", "password", "user__password__startswith", "x%00y", "z" * 3000]
    query = "&".join(f"{name}=a" for name in unknown)

    silent = []
    for address in lists(cast):
        page = client.get(f"{address}?{query}", follow=True)
        if page.status_code != 200 or text_of(page).count(LEFT_OUT) != len(unknown):
            silent.append((address, page.status_code, text_of(page).count(LEFT_OUT)))

    assert silent == []


@pytest.mark.once
def test_list__odd_values__are_pages(cast, client):
    wrong = []
    for address, names in lists(cast).items():
        for value in ODD:
            query = "&".join(f"{name}={value}" for name in names)
            page = client.get(f"{address}?{query}", follow=True)
            if page.status_code != 200:
                wrong.append((address, value[:20], page.status_code))

    assert wrong == []


def test_list__misspelt_parameter__names_the_one_that_was_meant(cast, client):
    page = client.get(reverse("admin:history"), {"featur": "actions"})

    assert "did you mean" in text_of(page).lower()
    assert "feature" in text_of(page)


def test_list__filter_with_a_value_that_it_cannot_have__says_that_all_is_shown(cast, client):
    address = reverse("admin:clients_apiclient_changelist")

    page = client.get(address, {"disabled__exact": "perhaps"}, follow=True)

    assert "does not fit the list" in text_of(page)
    assert page.context["cl"].result_count == 1


@pytest.mark.parametrize("text", ["a\0b", "x" * 70_000, "\x1b", ""])
def test_suggestions__for_a_text_that_nothing_is_called__are_none(cast, client, text):
    query = {"q": text, "kind": ["user", "feature", "instance", "organization"]}

    response = client.get(reverse("admin:suggest"), query)

    assert (response.status_code, response.json()) == (200, {"results": []})
    assert LEFT_OUT not in text_of(client.get(reverse("admin:index")))


@pytest.mark.parametrize(
    ("who", "changes", "shown"),
    [
        ("acme", {"name": "Acme & Daughters"}, "Acme &amp; Daughters"),
        ("bob", {"username": "robert", "name": "Robert", "email": "r@acme.example"}, "Robert"),
        ("instance", {"name": "Mainland", "domains": "testserver\nnew.example"}, "Mainland"),
    ],
)
def test_tenant__changed__page_message_list_and_history_show_the_new_values(
    cast, client, who, changes, shown
):
    owner = getattr(cast, who)
    body = {"do": "save", "is_active": "on"} | changes

    page = client.post(page_of(owner), body, follow=True)

    text = text_of(page)
    assert f"{shown} is saved." in text
    assert f"<h1>{shown}</h1>" in text
    for name, value in changes.items():
        assert sorted(page.context["form"][name].value().split()) == sorted(value.split())
    label = owner.level.label
    listed = client.get(reverse(f"admin:tenancy_{label}_changelist"), {"q": changes["name"]})
    assert shown in text_of(listed)
    events = client.get(reverse("admin:owner_history", args=[label, owner.pk])).context["events"]
    written = {event.subject: event.after for event in events if event.type == "tenants.changed"}
    assert written["name"] == changes["name"]
    assert set(written) >= set(changes)


def test_user__changes_their_own_name__is_called_so_in_the_head(cast, client):
    page = client.post(
        page_of(cast.root),
        {"do": "save", "username": "root", "name": "Wurzel", "is_active": "on", "is_staff": "on"},
        follow=True,
    )

    assert 'class="account-name">Wurzel<' in text_of(page)


def test_reason__with_nul__is_stored_without_it(cast, client):
    address = reverse("admin:feature_switch", args=[Feature.objects.get(key="actions").pk])

    answer = client.post(address, {"do": "disable", "confirm": "system", "reason": "a\0b"})

    assert answer.status_code == 302
    assert Event.objects.latest("pk").reason == "ab"
