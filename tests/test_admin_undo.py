"""Undo in the admin of what is no feature's value: the links, the preview, and doing it."""

import pytest
from django.urls import reverse

from access.models import Membership
from access.permissions import Role
from access.services import issue_token
from clients.services import rotate_secret, set_networks
from events.models import Event, Run
from features.defining import archive_feature
from features.models import Feature
from security.services import patch_security_settings, read_settings
from tenancy.models import Organization
from tests.admin_forms import page_of, sign_in, text_of
from tests.factories import BY, make_client, make_holder
from tests.undoable import CHANGES, last_event

ASKING = {"definition enabled", "definition restored"}  # they take a feature from everybody


@pytest.fixture
def world(db, kept_world, client):
    client.force_login(kept_world.cast.root)
    return kept_world


def undo_of(event):
    return reverse("admin:undo_event", args=[event.pk])


def confirm(client, address, **fields):
    """Look at an undo, and confirm what was seen."""
    seen = client.get(address).context["plan"].signature
    return client.post(address, {"seen": seen, "confirm": "yes"} | fields, follow=True)


@pytest.mark.parametrize("name", CHANGES)
def test_undo__looked_at_and_confirmed__restores_what_was_there(world, client, name):
    change = CHANGES[name]
    change.prepare(world)
    before = change.read(world)
    change.make(world)
    event = last_event()
    link = undo_of(event)

    listed = text_of(client.get(reverse("admin:history")))
    page = client.get(link)
    word = "system" if name in ASKING else "yes"
    done = confirm(client, link, confirm=word, reason="a mistake")

    assert f'href="{link}"' in listed
    assert [event for event, _state in page.context["plan"].changes] == [event] * len(
        page.context["plan"].changes
    )
    assert change.read(world) == before
    undo = Run.objects.get()
    assert (undo.undoes, undo.reason) == (str(event.pk), "a mistake")
    assert "1 change undone" in text_of(done)
    assert reverse("admin:undo_run", args=[undo.pk]) in text_of(done)


@pytest.mark.parametrize("name", sorted(ASKING))
def test_undo__that_takes_a_feature_from_everybody__has_the_level_typed(world, client, name):
    CHANGES[name].prepare(world)
    CHANGES[name].make(world)
    made = CHANGES[name].read(world)

    page = confirm(client, undo_of(last_event()), confirm="yes")

    assert "Type <code>system</code> to confirm" in text_of(page)
    assert CHANGES[name].read(world) == made


def test_undo__preview__shows_what_is_now_and_what_it_would_become(world, client):
    CHANGES["networks"].make(world)

    page = text_of(client.get(undo_of(last_event())))

    assert page.index("192.0.2.0/24") < page.index("0.0.0.0/0")
    assert CHANGES["networks"].read(world) == ["192.0.2.0/24"]


def test_undo__of_what_was_changed_again_since__asks_before_it_overwrites(world, client):
    CHANGES["networks"].make(world)
    event = last_event()
    set_networks(world.client, ["198.51.100.0/24"], **BY)
    page = client.get(undo_of(event))

    seen = page.context["plan"].signature
    asked = client.post(undo_of(event), {"seen": seen, "confirm": "yes", "overwrite": "yes"})
    untouched = CHANGES["networks"].read(world)
    seen = asked.context["plan"].signature
    client.post(undo_of(event), {"seen": seen, "confirm": "yes", "overwrite": "yes"})

    assert "networks of" in text_of(page)
    assert "was changed again since" in text_of(page)
    assert untouched == ["198.51.100.0/24"]
    assert CHANGES["networks"].read(world) == ["0.0.0.0/0"]


def test_undo__changed_between_look_and_confirmation__shows_it_again(world, client):
    CHANGES["definition"].make(world)
    event = last_event()
    seen = client.get(undo_of(event)).context["plan"].signature
    Feature.objects.filter(key="dark_mode").update(name="Dusk")

    page = client.post(undo_of(event), {"seen": seen, "confirm": "yes"})

    assert "Something changed meanwhile" in text_of(page)
    assert Feature.objects.get(key="dark_mode").name == "Dusk"


def test_undo__twice__the_second_finds_it_done(world, client):
    CHANGES["description"].make(world)
    event = last_event()
    confirm(client, undo_of(event))
    count = Event.objects.count()

    page = confirm(client, undo_of(event))

    assert "it is as it was before" in text_of(page)
    assert (Event.objects.count(), Run.objects.count()) == (count, 1)


def test_undo__of_an_undo__brings_the_change_back(world, client):
    CHANGES["role granted"].make(world)
    confirm(client, undo_of(last_event()))

    confirm(client, reverse("admin:undo_run", args=[Run.objects.get().pk]))

    assert Membership.objects.filter(user=world.cast.bob, role="ORG_OWNER_VIEWER").exists()


def test_undo__that_the_service_refuses__says_why_and_changes_nothing(world, client):
    CHANGES["definition"].make(world)
    event = last_event()
    archive_feature("dark_mode", **BY)

    page = confirm(client, undo_of(event))

    assert "Nothing was changed: dark_mode is archived: restore it first" in text_of(page)
    assert not Run.objects.exists()


@pytest.mark.parametrize("name", ["networks", "origins", "role granted", "user deactivated"])
def test_undo__by_a_viewer__is_refused(world, client, name):
    CHANGES[name].make(world)
    made, event = CHANGES[name].read(world), last_event()
    sign_in(client, make_holder(Role.IAM_OWNER_VIEWER, world.cast.instance))

    page = client.get(undo_of(event), follow=True)
    client.post(undo_of(event), {"confirm": "yes", "overwrite": "yes"})

    assert "Your roles do not let you" in text_of(page)
    assert CHANGES[name].read(world) == made


def test_undo__of_an_event_that_one_does_not_see__does_not_exist(world, client):
    sign_in(client, world.cast.alice)

    for name in ("networks", "origins", "definition", "domains"):
        CHANGES[name].make(world)
        assert client.get(undo_of(last_event())).status_code == 404
        assert client.post(undo_of(last_event()), {"confirm": "yes"}).status_code == 404


def test_history__what_is_final__says_why_instead_of_a_link(world, client):
    rotate_secret(world.client, **BY)
    secret = last_event()
    issue_token(world.cast.bob, **BY)
    token = last_event()

    page = text_of(client.get(reverse("admin:history")))
    preview = text_of(client.get(undo_of(secret)))

    for event, why in ((secret, "the old one is gone"), (token, "end it instead")):
        assert why in page
        assert f'href="{undo_of(event)}"' not in page
    assert "the old one is gone" in preview
    assert "Undo one change" not in preview


def sequence_of(client, address):
    return client.get(address).context["sequence"]


def _change_networks(world, client):
    address = page_of(world.client)
    form = {"do": "networks", "networks": "192.0.2.0/24", "sequence": sequence_of(client, address)}
    return client.post(address, form, follow=True)


def _disable_client(world, client):
    address = page_of(world.client)
    form = {"do": "disable", "sequence": sequence_of(client, address)}
    return client.post(address, form, follow=True)


def _set_security(world, client):
    address = reverse("admin:owner_security", args=["instance", world.cast.instance.pk])
    form = {"iframe": "on", "origins": "https://x.example", "do": "save"}
    return client.post(address, form | {"sequence": sequence_of(client, address)}, follow=True)


def _switch(world, client):
    feature = Feature.objects.get(key="dark_mode")
    address = reverse("admin:feature_switch", args=[feature.pk])
    return client.post(address, {"do": "disable", "confirm": "system"}, follow=True)


def _edit(world, client):
    address = reverse("admin:feature_edit", args=[Feature.objects.get(key="dark_mode").pk])
    initial = client.get(address).context["form"].initial
    form = {name: "" if value is None else value for name, value in initial.items()}
    return client.post(address, form | {"name": "Dim", "stage": "stable"}, follow=True)


def _grant(world, client):
    form = {"user": "bob", "role": "ORG_USER_MANAGER", "owner": "Acme"}
    return client.post(reverse("admin:access_membership_add"), form, follow=True)


def _revoke(world, client):
    return client.post(page_of(Membership.objects.get()), {"do": "revoke"}, follow=True)


def _change_user(world, client):
    form = {"username": "robert", "name": "Robert", "email": "r@acme.example"}
    return client.post(page_of(world.cast.bob), form, follow=True)


def _change_instance(world, client):
    form = {"name": "Prime", "domains": "testserver\nnew.example"}
    return client.post(page_of(world.cast.instance), form, follow=True)


def state(world):
    """Return all that the forms above change."""
    return [
        [CHANGES[name].read(world) for name in CHANGES],
        [*type(world.cast.bob).objects.filter(pk=world.cast.bob.pk).values()],
    ]


@pytest.mark.parametrize(
    "change",
    [
        *(_change_networks, _disable_client, _set_security, _switch, _edit),
        *(_grant, _revoke, _change_user, _change_instance),
    ],
)
def test_message__after_a_change_in_the_admin__leads_to_the_undo_of_all_of_it(
    world, client, change
):
    before = state(world)

    page = change(world, client)
    changed = state(world)
    link = reverse("admin:undo_run", args=[last_event().run])
    confirm(client, link)

    assert f'href="{link}"' in text_of(page)
    assert changed != before
    assert state(world) == before


def test_message__after_what_changed_nothing__says_so_and_has_no_link(world, client):
    address = page_of(world.client)
    form = {"do": "describe", "description": "Importer"}

    page = client.post(address, form | {"sequence": sequence_of(client, address)}, follow=True)

    assert "Nothing was changed." in text_of(page)
    assert "/undo/" not in text_of(page)


def test_message__after_the_deletion_of_a_client__has_no_link(world, client):
    row = make_client(world.cast.instance, "direct_access").client
    form = {"do": "delete", "confirm": row.client_id, "sequence": "1"}

    page = client.post(page_of(row), form, follow=True)

    assert last_event().type == "clients.deleted"
    assert "/undo/" not in text_of(page)


@pytest.mark.parametrize("change", [_grant, _change_user])
def test_message__to_an_organizations_owner__leads_to_the_undo(world, client, change):
    sign_in(client, world.cast.alice)
    before = state(world)

    page = change(world, client)
    link = reverse("admin:undo_run", args=[last_event().run])
    confirm(client, link)

    assert f'href="{link}"' in text_of(page)
    assert state(world) == before


def test_undo__of_a_run_of_settings__restores_them_all(world, client):
    _set_security(world, client)

    confirm(client, reverse("admin:undo_run", args=[last_event().run]))

    settings = read_settings(world.cast.instance)
    assert settings.iframe_enabled is False
    assert settings.allowed_origins == ("https://one.example", "https://two.example")


def test_undo__impersonating__is_refused_like_the_change_itself(world, client):
    patch_security_settings(world.cast.instance, {"impersonation_enabled": True}, **BY)
    CHANGES["networks"].make(world)
    event = last_event()
    owner = make_holder(Role.IAM_OWNER, world.cast.instance)
    sign_in(client, owner)
    sign_in(client, make_holder(Role.IAM_ADMIN_IMPERSONATOR, world.cast.instance, "ina"))
    client.post(reverse("impersonation_start", args=[owner.pk]))

    page = client.get(undo_of(event), follow=True)

    assert "Your roles do not let you" in text_of(page)


def test_organization__renamed_by_hand_after_the_message__is_asked_about(world, client):
    page_address = page_of(world.cast.acme)
    client.post(page_address, {"name": "Acme & Sons"})
    link = reverse("admin:undo_run", args=[last_event().run])
    client.post(page_address, {"name": "Acme Ltd"})

    page = client.get(link)

    assert "was changed again since" in text_of(page)
    assert Organization.objects.get(pk=world.cast.acme.pk).name == "Acme Ltd"
