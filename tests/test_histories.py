"""What the pages of histories show of an event: words, and the way to what it is about."""

from django.urls import reverse

from access.permissions import Role
from access.services import grant_role
from access.telling import HAPPENED
from access.undoing import is_planned, registered_types
from features.services import set_features
from tests.factories import BY, make_cast, make_client

HISTORY = "admin:history"


def test_events__of_every_type__have_words():
    types = {name for name in registered_types() if not is_planned(name)}

    assert types == set(HAPPENED)


def test_history__what_it_is_about__leads_there_by_name(client, db):
    cast = make_cast()
    issued = make_client(cast.instance, "owner", description="Importer")
    grant_role(cast.bob, Role.ORG_OWNER_VIEWER, cast.acme, **BY)
    set_features(cast.acme, {"actions": True}, **BY)
    client.force_login(cast.root)

    page = client.get(reverse(HISTORY)).content.decode()

    for label, name, words in [
        (f"/admin/clients/apiclient/{issued.client.pk}/change/", "Importer", "API client made"),
        (f"/admin/owner/user/{cast.bob.pk}/features/", "bob", "Role granted"),
        (f"/admin/owner/organization/{cast.acme.pk}/features/", "Acme", "actions"),
    ]:
        assert f'href="{label}"' in page
        assert f"<b>{name}</b>" in page
        assert words in page


def test_history__of_what_is_deleted__keeps_its_id_without_a_link(client, db):
    cast = make_cast()
    set_features(cast.bob, {"actions": True}, **BY)
    cast.bob.delete()
    client.force_login(cast.root)

    page = client.get(reverse(HISTORY)).content.decode()

    assert "<b>bob</b>" in page
    assert f"/admin/owner/user/{cast.bob.pk}/" not in page
