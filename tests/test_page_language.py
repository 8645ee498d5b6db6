"""The language of the pages: chosen by anybody, kept, and never spoken by an API."""

import re
from functools import partial

import pytest
from django.urls import reverse

from tests.factories import basic, make_cast, make_client, token_for

GERMAN = {"accept-language": "de-DE,de;q=0.9"}
FORM = "application/x-www-form-urlencoded"
EXPLAIN = "owner=organization:acme&feature=user_schema"
REQUEST_ID = re.compile(r'"request_id":"\w+"')


@pytest.fixture
def cast(db, client, settings):
    settings.ALLOWED_HOSTS = ["testserver"]
    return make_cast()


@pytest.fixture
def ask_apis(cast, client):
    """Return a function that asks each API for something wrong, and what they say to it."""
    owner = make_client(cast.instance, "owner")
    of_root = {"authorization": f"Bearer {token_for(cast.root)}"}

    def ask(**headers):
        put = partial(client.put, content_type="application/json", headers=of_root | headers)
        post = partial(client.post, content_type="application/json", headers=of_root | headers)
        answers = [
            put("/v2/features/instance", {"userSchema": "yes"}),
            put("/v2/settings/security", {"embeddedIframe": {"allowedOrigins": ["ftp://x"]}}),
            post("/api/v1/organizations", {"name": "Acme", "id": "acme"}),
            post("/api/v1/features", {"key": "UP", "kind": "choice", "default": 1}),
            client.get(f"/api/v1/explain?{EXPLAIN}", headers=of_root | headers),
            client.post("/clients/add", "description=%01", FORM, headers=basic(owner) | headers),
        ]
        return [REQUEST_ID.sub("", answer.content.decode()) for answer in answers]

    return ask


def test_apis__asked_in_german__answer_in_english(ask_apis):
    english = ask_apis()

    assert ask_apis(**GERMAN) == english
    said = (
        "must be true or false",
        "must begin with https://",
        "already exists",
        "must be a small letter",
        "Off, because nobody set it",
        "must not contain control characters",
    )
    assert [text in answer for text, answer in zip(said, english, strict=True)] == [True] * 6


def test_apis__after_a_german_page__answer_in_english(ask_apis, client):
    english = ask_apis()
    client.get(reverse("admin:login"), headers=GERMAN)

    assert ask_apis() == english


def test_language__chosen_on_the_page_to_sign_in__is_kept_for_a_year(cast, client):
    page = client.get(reverse("admin:login"))
    assert 'action="/admin/language/"' in page.content.decode()

    answer = client.post(
        reverse("set_language"), {"language": "de", "next": reverse("admin:login")}
    )

    assert answer.url == reverse("admin:login")
    assert answer.cookies["django_language"]["max-age"] == 365 * 24 * 60 * 60
    assert 'lang="de"' in client.get(reverse("admin:login")).content.decode()


def test_language__while_the_sign_in_page_keeps_what_was_typed__cannot_be_changed(cast, client):
    page = client.post(reverse("admin:owner_features", args=["system", 1]), {"reason": "typed"})

    # Changing it leads to another page, and what was typed would be lost.
    assert 'name="kept"' in page.content.decode()
    assert 'action="/admin/language/"' not in page.content.decode()
