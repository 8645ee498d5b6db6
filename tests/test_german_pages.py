"""The pages in German: whatever they say, a refusal from below them too, is not English."""

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils import translation

from access.permissions import Role
from access.policy import MissingPermission
from clients.networks import check_networks
from features import defining
from features.definitions import UnknownFeature, current_definitions
from features.explaining import explanation_sentence
from features.kinds import InvalidKind, InvalidValue, make_kind
from features.planning import Locked, plan_changes, plan_lock
from features.services import explain, lock_feature, set_features
from security.origins import BadOrigin, parse_origin, parse_origins
from tenancy.models import System
from tenancy.translation import translate
from tests.admin_forms import field, form_of, grid_of, sign_in, text_of
from tests.factories import BY, make_client, make_feature, make_holder

pytestmark = pytest.mark.once

CASES = Path(__file__).parent / "cases"
ENGLISH = re.compile(
    r"\b(the|must|not|is|are|of|and|with|which|for|this|that|nobody|only|what|to|be|by|it)\b"
)
UNSPOKEN = {"code", "script", "style", "textarea", "title"}


class Words(HTMLParser):
    """Gathers what a page says: its texts and labels, without code and what people typed."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self._within: list[str] = []

    def handle_starttag(self, tag, attrs):
        if tag in UNSPOKEN:
            self._within.append(tag)
        self.said += [
            text for name, text in attrs if name in {"aria-label", "placeholder", "title"} and text
        ]

    def handle_endtag(self, tag):
        if self._within and self._within[-1] == tag:
            self._within.pop()

    def handle_data(self, data):
        if not self._within and data.strip():
            self.said.append(" ".join(data.split()))


def english_in(response):
    """Return what a page says in English."""
    words = Words()
    words.feed(text_of(response))
    return [text for text in words.said if ENGLISH.search(text)]


@pytest.fixture
def german(client, cast):
    """Return a client whose pages are German, signed in as root."""
    sign_in(client, cast.root)
    client.cookies["django_language"] = "de"
    return client


def kind_cases():
    for case in json.loads((CASES / "kinds.json").read_text()):
        kind = make_kind(case["kind"], case.get("options", {}))
        for raw, _problems in case["invalid"]:
            yield pytest.param(lambda k=kind, r=raw: k.parse(r))
        for text, _problem in case.get("bad_texts", []):
            yield pytest.param(lambda k=kind, t=text: k.parse_text(t))


def bad_kind_cases():
    for kind, options, _reason in json.loads((CASES / "bad_kinds.json").read_text()):
        yield pytest.param(lambda k=kind, o=options: make_kind(k, o))


def origin_cases():
    for text, *_reason in json.loads((CASES / "origins.json").read_text())["refused"]:
        yield pytest.param(lambda t=text: parse_origin(t))


@pytest.mark.parametrize("refuse", [*kind_cases(), *bad_kind_cases(), *origin_cases()])
def test_refused_value__in_german__is_said_in_german(refuse):
    with pytest.raises((InvalidValue, InvalidKind, BadOrigin)) as caught:
        refuse()

    with translation.override("en"):
        assert translate(caught.value) == str(caught.value)
    with translation.override("de"):
        assert translate(caught.value) != str(caught.value)


@pytest.fixture
def locked_above(cast):
    set_features(System(), {"user_schema": True}, **BY)
    lock_feature(System(), "user_schema", **BY)
    return cast.acme


WRONG: dict[str, Any] = {
    **{"name": " ", "description": 1, "levels": [9], "stage": "new"},
    **{"enabled": 1, "expires_on": "soon", "options": []},
}
REFUSED_CHANGES: tuple[Callable[[], object], ...] = (
    lambda: defining.define_feature("UP", kind="boolean", default=False, **BY),
    lambda: defining.define_feature("details", kind="boolean", default=False, **BY),
    lambda: defining.define_feature("actions", kind="boolean", default=False, **BY),
    lambda: defining.define_feature("x", kind="boolean", default=1, **BY),
    lambda: defining.define_feature("x", kind="colour", default=1, **BY),
    lambda: defining.define_feature("x", kind="boolean", default=True, nmae="X", **BY),
    lambda: defining.define_feature("x", kind="boolean", default=True, **WRONG, **BY),
    lambda: defining.edit_feature("actions", {"name": "Acts"}, **BY),
    lambda: defining.archive_feature("actions", **BY),
    lambda: defining.edit_feature("old", {"name": "Older"}, **BY),
    lambda: defining.edit_feature(
        "mode", {"kind": "boolean", "default": True, "options": {}}, **BY
    ),
    lambda: defining.edit_feature("mode", {"levels": ["system"]}, **BY),
    lambda: defining.edit_feature("mode", {"options": {"max_length": 1}, "default": "a"}, **BY),
    lambda: defining.find_feature("actoins"),
    lambda: current_definitions().get("actoins"),
    lambda: check_networks(["10.0.0.0/99"]),
    lambda: check_networks([]),
)


@pytest.mark.parametrize("number", range(len(REFUSED_CHANGES)))
def test_refused_change__in_german__is_said_in_german(cast, number):
    make_feature("old")
    defining.archive_feature("old", **BY)
    make_feature("mode", "string", default="a")
    set_features(cast.acme, {"mode": "abc"}, **BY)

    english, german = (_sentences(REFUSED_CHANGES[number], language) for language in ("en", "de"))

    assert len(english) == len(german)
    assert set(english) & set(german) == set()


def test_refused_override__in_german__is_said_in_german(cast, locked_above):
    def refuse():
        plan = plan_changes(locked_above, {"user_schema": False})
        raise plan.refused[0]

    said = {
        language: [
            *_sentences(refuse, language),
            *_sentences(lambda: plan_changes(System(), {"web_key": True}), language),
            *_sentences(lambda: plan_lock(cast.acme, "actions", locked=True), language),
        ]
        for language in ("en", "de")
    }

    assert said == {
        "en": [
            "userSchema is locked at system level",
            "may not be set at system level, only at: instance, organization, user",
            "is not set here: set a value, then lock it",
        ],
        "de": [
            "userSchema ist auf der Ebene System gesperrt",
            "ist auf der Ebene System nicht setzbar, nur auf: Instanz, Organisation, Benutzer",
            "ist hier nicht gesetzt: erst einen Wert setzen, dann sperren",
        ],
    }


def _sentences(refuse, language):
    """Return what a refusal says, as the pages of a language show it."""
    with translation.override(language), pytest.raises(Exception) as caught:  # noqa: PT011
        refuse()
    error = caught.value
    assert isinstance(error, ValidationError | UnknownFeature | Locked | MissingPermission)
    with translation.override(language):
        return error.messages if isinstance(error, ValidationError) else [translate(error)]


def test_pages__in_german__say_nothing_in_english(german, cast, locked_above):
    issued = make_client(cast.instance, "owner")
    feature = current_definitions().get("improved_performance")
    set_features(cast.acme, {"actions": True}, **BY)
    pages = (
        *(reverse("admin:index"), reverse("admin:history"), reverse("admin:explain_pick")),
        *(reverse("admin:features_feature_changelist"), reverse("admin:features_feature_add")),
        *(reverse("admin:overrides") + "?level=organization", reverse("admin:search") + "?q=login"),
        *(grid_of(System()), grid_of(cast.instance), grid_of(cast.acme), grid_of(cast.bob)),
        reverse("admin:features_feature_change", args=[feature.id]),
        reverse("admin:feature_edit", args=[feature.id]),
        reverse("admin:explain", args=["user", cast.bob.pk, feature.id]),
        reverse("admin:owner_history", args=["organization", cast.acme.pk]),
        reverse("admin:owner_security", args=["instance", cast.instance.pk]),
        reverse("admin:owner_reset", args=["organization", cast.acme.pk]),
        *(reverse(f"admin:tenancy_{name}_changelist") for name in ("instance", "user")),
        *(reverse(f"admin:tenancy_{name}_add") for name in ("instance", "organization", "user")),
        reverse("admin:tenancy_user_change", args=[cast.alice.pk]),
        reverse("admin:access_membership_changelist"),
        reverse("admin:access_membership_add"),
        reverse("admin:access_accesstoken_changelist"),
        reverse("admin:clients_apiclient_changelist"),
        reverse("admin:clients_apiclient_add"),
        reverse("admin:clients_apiclient_change", args=[issued.client.pk]),
        *(reverse("impersonation"), reverse("admin:password_change"), "/admin/nowhere/"),
    )

    said = {page: english_in(german.get(page)) for page in pages}

    assert {page: texts for page, texts in said.items() if texts} == {}


def test_refused_forms__in_german__say_nothing_in_english(german, cast, locked_above):
    make_feature("places", "integer", default=1)
    grid = form_of(german, cast.acme)
    edit = reverse("admin:feature_edit", args=[current_definitions().get("places").id])
    security = reverse("admin:owner_security", args=["instance", cast.instance.pk])
    bulk = reverse("admin:bulk_overrides")
    posts = (
        (grid_of(cast.acme), grid | {field("places"): "set", field("places", "value"): '"x"'}),
        (grid_of(cast.acme), grid | {field("user_schema"): "off", field("places"): "x"}),
        (grid_of(cast.acme), {"lock": "user_schema"}),
        (grid_of(cast.acme), {"lock": "nothing"}),
        (edit, {"name": "Places", "kind": "choice", "default": "x", "stage": "stable"}),
        (security, {"iframe": "on", "origins": "ftp://x\nhttps://a/b", "do": "save"}),
        (bulk, {"query": "level=system", "all": "yes", "action": "set", "value": "nonsense"}),
        (reverse("admin:access_membership_add"), {"user": "bob", "role": "IAM_OWNER"}),
        (reverse("admin:tenancy_user_add"), {"username": "", "public_id": "\u0001"}),
    )

    said = {}
    for number, (page, form) in enumerate(posts):
        answer = german.post(page, form, follow=True)
        assert answer.status_code == 200
        said[number, page] = english_in(answer)

    assert {page: texts for page, texts in said.items() if texts} == {}


def test_refused_viewer__in_german__reads_which_permission_is_missing(client, cast):
    sign_in(client, make_holder(Role.ORG_OWNER_VIEWER, cast.acme))

    answer = client.post(grid_of(cast.acme), {}, headers={"accept-language": "de"})

    assert answer.status_code == 403
    assert "es fehlt die Berechtigung org.feature.write" in text_of(answer)


def test_builtin_feature__in_german__has_its_german_name_and_is_found_by_it(german, cast):
    make_feature("acts", name="Actions", builtin=False)

    grid = text_of(german.get(grid_of(cast.acme) + "?q=Tokens"))
    found = text_of(german.get(reverse("admin:search") + "?q=Standardorganisation"))
    listed = text_of(german.get(reverse("admin:features_feature_changelist") + "?q=Anmeldeseite"))

    assert "Token-Tausch" in grid
    assert "Default organization" not in found
    assert "Standardorganisation bei der Anmeldung" in found
    assert "Neue Anmeldeseite" in listed
    # What an administrator typed stays as it was typed, whatever it may mean elsewhere.
    assert ">Actions</a>" in text_of(german.get(grid_of(cast.acme)))


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", r"On, because the organization Acme set it on \d+ [A-Z][a-z]+ \d{4}\."),
        ("de", r"An, weil die Organisation Acme es am \d+\. [A-Z]\w+ \d{4} so gesetzt hat\."),
    ],
)
def test_explanation__in_a_language__is_a_sentence_of_it(cast, language, expected):
    set_features(cast.acme, {"actions": True}, **BY)

    with translation.override(language):
        sentence = explanation_sentence(explain(cast.bob, "actions"))

    assert re.fullmatch(expected, sentence)


def test_origins__in_german__name_the_one_that_is_listed_twice():
    _origins, problems = parse_origins(["https://a.example", "https://a.example"], "origins")

    with translation.override("de"):
        said = translate(problems["origins[1]"])

    assert said == "ist derselbe Ursprung wie origins[0]: https://a.example"
