"""What was typed outlives the session: for every form of every page of the admin."""

import pytest
from django.test import Client
from django.urls import reverse

from clients.models import ApiClient
from events.models import Event
from features.models import Feature
from tenancy.models import System, User
from tests.admin_addresses import furnish, others_of, pages_of
from tests.admin_forms import grid_of, page_of, text_of
from tests.factories import make_feature
from tests.page_forms import Form, essence, forms_of

PASSWORD = "a quite long password"
ORIGIN = {"Origin": "http://testserver"}
TYPED = "typed before"


@pytest.fixture
def cast(kept_cast, db):
    kept_cast.root.set_password(PASSWORD)
    kept_cast.root.save()
    furnish(kept_cast)
    make_feature("words", "string", default="")
    return kept_cast


def forms_of_the_admin(client, cast):
    """Return a form of each shape that the pages hold, with the pages that follow some of them."""
    pages = [(path, client.get(path)) for path in pages_of(cast) + others_of(cast)]
    bulk = {"query": "level=organization", "action": "lock", "all": "yes"}
    feature = Feature.objects.get(key="words").pk
    system = grid_of(System())
    row = {"was": "inherit", "choice": "set", "value": "x"}
    fields = {"sequence": "0"} | {f"{name}-{feature}": value for name, value in row.items()}
    for address, body in (
        (reverse("admin:bulk_overrides"), bulk),
        (reverse("admin:feature_switch", args=[feature]), {"do": "archive"}),
        (system, fields),
    ):
        pages.append((address, client.post(address, body)))
    found: dict[object, Form] = {}
    for address, page in pages:
        if page.status_code == 200 and page["Content-Type"].startswith("text/html"):
            for form in forms_of(text_of(page), address):
                found.setdefault(form.shape, form.fill(TYPED))
    return list(found.values())


def sign_in(client, page):
    """Sign in on the page that a form led to, and return the page that one is led back to."""
    body = {"username": "root", "password": PASSWORD}
    kept = {name: page.context[name] for name in ("next", "kept")}
    return client.post(reverse("admin:login"), body | kept, follow=True)


def after_the_session_ended(client, action, sent):
    client.logout()
    return sign_in(client, client.post(action, sent, headers=ORIGIN))


def after_a_sign_in_elsewhere(client, action, sent):
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = client.cookies
    strict.cookies["csrftoken"] = "a" * 32  # as each sign-in gives the browser another one
    return strict.post(action, sent, headers=ORIGIN, follow=True)


@pytest.mark.once
@pytest.mark.parametrize("send", [after_the_session_ended, after_a_sign_in_elsewhere])
def test_form__of_every_page__comes_back_as_it_was_typed_and_does_nothing(cast, client, send):
    client.force_login(cast.root)
    forms = forms_of_the_admin(client, cast)
    events = Event.objects.count()

    lost = []
    for form in forms:
        for sent in form.ways():
            client.force_login(cast.root)
            page = send(client, form.action, sent)
            back = [way for one in forms_of(text_of(page), "") for way in one.ways()]
            if page.status_code != 200 or essence(sent) not in map(essence, back):
                lost.append((form.action, dict(essence(sent)), page.status_code))
            assert "hidden typed" not in text_of(page)

    assert lost == [], "\n".join(map(str, lost))
    assert len(forms) > 25
    assert Event.objects.count() == events


def test_form__sent_again_as_it_came_back__is_saved_by_one_click(cast, client):
    client.force_login(cast.root)
    address = page_of(ApiClient.objects.get())
    networks = {"sequence": "1", "do": "networks", "networks": "10.0.0.0/8"}

    page = after_a_sign_in_elsewhere(client, address, networks)
    [form] = [
        form for form in forms_of(text_of(page), address) if ("do", "networks") in form.buttons
    ]
    assert ApiClient.objects.get().networks == ["0.0.0.0/0"]
    client.post(form.action, form.send(("do", "networks")))

    assert ApiClient.objects.get().networks == ["10.0.0.0/8"]


def test_typed__another_person_signs_in__is_not_shown_to_them(cast, client):
    client.force_login(cast.root)
    address = page_of(cast.bob)
    form = forms_of(text_of(client.get(address)), address)[0].fill(TYPED)
    client.logout()
    alice = User.objects.get(pk=cast.alice.pk)
    alice.is_staff = True
    alice.set_password(PASSWORD)
    alice.save()

    asked = client.post(address, form.send(("do", "save")))
    body = {"username": "alice", "password": PASSWORD, "next": address}
    page = client.post(reverse("admin:login"), body | {"kept": asked.context["kept"]}, follow=True)

    assert page.status_code == 200
    assert TYPED not in text_of(page)
    assert "What somebody else had typed was not saved" in text_of(page)


@pytest.mark.parametrize("send", [Client.post, after_a_sign_in_elsewhere])
def test_form__made_for_another_person__does_nothing_and_shows_nothing(cast, client, send):
    client.force_login(cast.root)
    address = page_of(cast.bob)
    form = forms_of(text_of(client.get(address)), address)[0].fill(TYPED)
    User.objects.filter(pk=cast.alice.pk).update(is_staff=True)
    client.force_login(cast.alice)

    refused = send(client, address, form.send(("do", "save")))

    assert refused.status_code == 403
    assert "This page was made for somebody else" in text_of(refused)
    assert TYPED not in text_of(client.get(address))
    cast.bob.refresh_from_db()
    assert cast.bob.username == "bob"


@pytest.mark.parametrize("headers", [{}, {"Origin": "https://evil.example"}, {"Origin": "null"}])
def test_form__of_another_site__is_never_filled_in(cast, client, headers):
    client.force_login(cast.root)
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = client.cookies
    address = page_of(cast.bob)

    refused = strict.post(address, {"name": TYPED, "do": "save"}, headers=headers)

    assert refused.status_code == 403
    assert TYPED not in text_of(client.get(address))


def test_sign_in_page__older_than_a_sign_in_elsewhere__leads_to_what_was_typed(cast, client):
    client.force_login(cast.root)
    address = page_of(cast.bob)
    form = forms_of(text_of(client.get(address)), address)[0].fill(TYPED)
    client.logout()
    asked = client.post(address, form.send(("do", "save")))
    client.force_login(cast.root)

    body = {"username": "root", "password": "x", "next": address, "kept": asked.context["kept"]}
    page = after_a_sign_in_elsewhere(client, reverse("admin:login"), body)

    assert page.request["PATH_INFO"] == address
    assert TYPED in text_of(page)


def test_sign_in_page__of_a_cookie_that_is_gone__asks_again_and_keeps_what_was_typed(cast, client):
    client.force_login(cast.root)
    address = page_of(cast.bob)
    form = forms_of(text_of(client.get(address)), address)[0].fill(TYPED)
    client.logout()
    asked = client.post(address, form.send(("do", "save")))

    body = {"username": "root", "password": PASSWORD, "next": address}
    body["kept"] = asked.context["kept"]
    again = after_a_sign_in_elsewhere(client, reverse("admin:login"), body)

    assert "Please sign in again" in text_of(again)
    assert TYPED in text_of(sign_in(client, again))


def test_client__changed_by_another_while_the_form_was_open__shows_both(cast, client):
    client.force_login(cast.root)
    address = page_of(ApiClient.objects.get())
    mine = {"sequence": "1", "do": "describe", "description": TYPED}
    client.post(address, {"sequence": "1", "do": "describe", "description": "Theirs"})

    page = text_of(client.post(address, mine))

    assert ApiClient.objects.get().description == "Theirs"
    assert "Now stored: Theirs" in page
    assert f'value="{TYPED}"' in page
