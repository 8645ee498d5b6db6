"""The settings API: what it takes, refuses and answers, and what the history keeps of it."""

import pytest
from django.test import Client

from access.permissions import Role
from events.models import Event
from tenancy.services import create_instance, create_organization
from tests.factories import make_holder, token_for

PATHS = [
    f"/{prefix}/{name}/security" for prefix in ("v2", "v2beta") for name in ("settings", "policies")
]
PATH = PATHS[0]
FULL = {
    "embeddedIframe": {"enabled": True, "allowedOrigins": ["https://app.example.com"]},
    "enableImpersonation": True,
}
NOTHING = {
    "embeddedIframe": {"enabled": False, "allowedOrigins": []},
    "enableImpersonation": False,
}
WRONG = [
    # body, the fields that are named
    ({"embeddedIframe": None}, ["embeddedIframe"]),
    ({"embeddedIframe": True}, ["embeddedIframe"]),
    ({"embeddedIframe": []}, ["embeddedIframe"]),
    ({"embeddedIframe": "on"}, ["embeddedIframe"]),
    ({"embeddedIframe": {"enabled": "true"}}, ["embeddedIframe.enabled"]),
    ({"embeddedIframe": {"enabled": 1}}, ["embeddedIframe.enabled"]),
    ({"embeddedIframe": {"enabled": None}}, ["embeddedIframe.enabled"]),
    ({"embedded_iframe": {"enabled": []}}, ["embedded_iframe.enabled"]),
    ({"embeddedIframe": {"allowedOrigins": None}}, ["embeddedIframe.allowedOrigins"]),
    (
        {"embeddedIframe": {"allowedOrigins": "https://a.example"}},
        ["embeddedIframe.allowedOrigins"],
    ),
    ({"embeddedIframe": {"allowedOrigins": {}}}, ["embeddedIframe.allowedOrigins"]),
    (
        {"embeddedIframe": {"allowed_origins": ["https://a.example", "*", None]}},
        ["embeddedIframe.allowed_origins[1]", "embeddedIframe.allowed_origins[2]"],
    ),
    (
        {"embeddedIframe": {"allowedOrigins": ["https://a.example", "https://A.example/"]}},
        ["embeddedIframe.allowedOrigins[1]"],
    ),
    ({"embeddedIframe": {"allow": []}}, ["embeddedIframe.allow"]),
    (
        {"embeddedIframe": {"allowedOrigins": [], "allowed_origins": []}},
        ["embeddedIframe.allowed_origins"],
    ),
    ({"enableImpersonation": "false"}, ["enableImpersonation"]),
    ({"enableImpersonation": None}, ["enableImpersonation"]),
    ({"enableImpersonation": 0}, ["enableImpersonation"]),
    ({"enableImpersonation": True, "enable_impersonation": True}, ["enable_impersonation"]),
    (
        {"impersonation": True, "embeddedIframe": {"enabled": 0}},
        ["embeddedIframe.enabled", "impersonation"],
    ),
    ({"": True}, [""]),
]


@pytest.fixture
def owner(cast):
    """Someone who may change the settings, as a client of the API."""
    return client_of(make_holder(Role.IAM_OWNER, cast.instance))


def client_of(user):
    return Client(headers={"authorization": f"Bearer {token_for(user)}"})


def put(client, body, **headers):
    return client.put(PATH, body, content_type="application/json", headers=headers)


def patch(client, body, **headers):
    return client.patch(PATH, body, content_type="application/json", headers=headers)


def settings_of(client):
    return client.get(PATH).json()["settings"]


def test_get__nothing_ever_set__gives_the_defaults(owner):
    answer = owner.get(PATH)

    assert answer.status_code == 200
    assert answer.json() == {
        "details": {"sequence": "0", "resourceOwner": "main"},
        "settings": NOTHING,
    }
    assert answer["ETag"] == '"0"'


@pytest.mark.parametrize("path", PATHS)
def test_paths__all_four__are_the_same_settings(owner, path):
    written = owner.put(path, FULL, content_type="application/json")

    assert written.status_code == 200
    assert written.json()["details"]["sequence"] == "3"
    assert [owner.get(other).json()["settings"] for other in PATHS] == [FULL] * 4
    patched = owner.patch(path, {"enableImpersonation": False}, content_type="application/json")
    assert patched.json()["details"]["sequence"] == "4"


def test_put__absent_fields__become_off_and_empty(owner):
    put(owner, FULL)

    answer = put(owner, {"embeddedIframe": {"enabled": True}})

    assert answer.json()["details"]["sequence"] == "5"
    assert settings_of(owner) == {
        "embeddedIframe": {"enabled": True, "allowedOrigins": []},
        "enableImpersonation": False,
    }


def test_put__empty_body__turns_everything_off(owner):
    put(owner, FULL)

    assert put(owner, {}).status_code == 200
    assert settings_of(owner) == NOTHING


def test_put__what_holds_already__writes_no_event(owner):
    first = put(owner, FULL).json()

    second = put(owner, FULL)

    assert (second.status_code, second.json()) == (200, first)
    assert Event.objects.filter(type="security.set").count() == 3


def test_put__snake_case__is_taken(owner):
    body = {
        "embedded_iframe": {"enabled": True, "allowed_origins": ["https://app.example.com"]},
        "enable_impersonation": True,
    }

    assert put(owner, body).status_code == 200
    assert settings_of(owner) == FULL


def test_put__origins__are_stored_normalised(owner):
    origins = ["HTTPS://App.example.com:443/", "https://bücher.example"]

    put(owner, {"embeddedIframe": {"allowedOrigins": origins}})

    assert settings_of(owner)["embeddedIframe"]["allowedOrigins"] == [
        "https://app.example.com",
        "https://xn--bcher-kva.example",
    ]


@pytest.mark.parametrize("change", [put, patch])
@pytest.mark.parametrize(("body", "fields"), WRONG)
def test_change__wrong_body__names_every_bad_field_and_stores_nothing(owner, change, body, fields):
    put(owner, FULL)

    answer = change(owner, body)

    assert answer.status_code == 400
    error = answer.json()
    assert error["code"] == 3
    [violations] = [d["fieldViolations"] for d in error["details"] if "fieldViolations" in d]
    assert sorted(violation["field"] for violation in violations) == sorted(fields)
    assert settings_of(owner) == FULL


@pytest.mark.parametrize(
    "body", ["[]", '"x"', "{", "null", '{"enableImpersonation": true, "enableImpersonation": true}']
)
def test_put__no_json_object__is_refused(owner, body):
    answer = owner.put(PATH, body, content_type="application/json")

    assert (answer.status_code, answer.json()["code"]) == (400, 3)


@pytest.mark.parametrize(
    ("body", "changed"),
    [
        ({"embeddedIframe": {"enabled": False}}, ("embeddedIframe.enabled", True, False)),
        (
            {"embeddedIframe": {"allowedOrigins": []}},
            ("embeddedIframe.allowedOrigins", ["https://app.example.com"], []),
        ),
        ({"enable_impersonation": False}, ("enableImpersonation", True, False)),
    ],
)
def test_patch__one_field__changes_only_it_and_is_one_event(owner, body, changed):
    put(owner, FULL)

    answer = patch(owner, body)

    assert answer.json()["details"]["sequence"] == "4"
    event = Event.objects.first()
    assert event is not None
    assert (event.subject, event.before, event.after) == changed
    assert (event.actor_id, event.surface) == ("iam_owner", "api")


@pytest.mark.parametrize("body", [{}, {"embeddedIframe": {}}])
def test_patch__nothing_in_it__says_no_changes(owner, body):
    answer = patch(owner, body)

    assert answer.status_code == 400
    assert answer.json()["message"] == "No changes (COMMAND-Vigh1)"


def test_patch__what_holds_already__is_done_without_an_event(owner):
    details = put(owner, FULL).json()

    answer = patch(owner, {"enableImpersonation": True})

    assert (answer.status_code, answer.json()) == (200, details)


def test_if_match__moved_on__is_refused_and_nothing_written(owner):
    put(owner, FULL)

    answers = [change(owner, {}, if_match='"2"') for change in (put,)]
    answers.append(patch(owner, {"enableImpersonation": False}, if_match='W/"3"'))

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(412, 10)] * 2
    assert settings_of(owner) == FULL
    assert put(owner, NOTHING, if_match='"3"').status_code == 200


def test_if_none_match__same_sequence__is_not_modified(owner):
    put(owner, FULL)

    answer = owner.get(PATH, headers={"if-none-match": '"3"'})

    assert (answer.status_code, answer.content) == (304, b"")


@pytest.mark.parametrize(
    ("role", "reads", "writes"),
    [
        (Role.IAM_OWNER, 200, 200),
        (Role.IAM_OWNER_VIEWER, 200, 403),
        (Role.IAM_LOGIN_CLIENT, 200, 403),
        (Role.IAM_ORG_MANAGER, 403, 403),
        (Role.IAM_ADMIN_IMPERSONATOR, 403, 403),
        (Role.ORG_OWNER, 403, 403),
        (Role.SYSTEM_OWNER, 403, 403),
    ],
)
def test_permissions__each_role__may_what_the_table_says(cast, role, reads, writes):
    owners = {"SYSTEM": cast.root.parent, "IAM": cast.instance, "ORG": cast.acme}
    client = client_of(make_holder(role, owners[role.split("_")[0]]))

    answers = [client.get(PATH), put(client, FULL), patch(client, {"enableImpersonation": False})]

    assert [answer.status_code for answer in answers] == [reads, writes, writes]
    if writes == 403:
        assert answers[1].json()["message"] == "missing permission iam.policy.write (AUTH-5mWD2)"


def test_permissions__nobody_and_bad_token__are_unauthenticated(cast):
    assert Client().get(PATH).status_code == 401
    assert Client(headers={"authorization": "Bearer x"}).put(PATH, "{").status_code == 401


def test_settings__two_instances__are_kept_apart(cast, owner):
    other = create_instance("Other", public_id="other", domains=["other.example"])
    create_organization(other, "Initech")
    stranger = client_of(make_holder(Role.IAM_OWNER, other, "stranger"))

    put(owner, FULL)

    assert put(stranger, FULL).status_code == 403
    assert stranger.get(PATH, headers={"host": "other.example"}).json()["settings"] == NOTHING


def test_unknown_verb__known_path__is_unimplemented(owner):
    answer = owner.post(PATH, {})

    assert (answer.status_code, answer.json()["code"]) == (405, 12)
