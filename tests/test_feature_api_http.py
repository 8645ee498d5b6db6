"""The feature API as HTTP alone has it: paths, verbs, ids, queries and exact answers."""

import json
from urllib.parse import quote

import pytest
from django.db.models import F

from events.models import Event
from tenancy.services import create_organization, create_user
from tests.feature_api import define_custom_features
from tests.rest import RootApi, assert_error

pytestmark = pytest.mark.django_db

SYSTEM = "/v2/features/system"
BUILTIN_BOOLEANS = [
    "loginDefaultOrg",
    "oidcTriggerIntrospectionProjections",
    "oidcLegacyIntrospection",
    "userSchema",
    "oidcTokenExchange",
    "actions",
    "webKey",
    "debugOidcParentError",
    "oidcSingleV1SessionTermination",
    "disableUserTokenEvent",
    "enableBackChannelLogout",
    "permissionCheckV2",
    "consoleUseV2UserApi",
    "enableRelationalTables",
]


@pytest.fixture
def api(client, db, kept_cast):
    return RootApi(client, kept_cast)


# Answers, to the letter


def test_get__user_with_inheritance__names_every_builtin_with_value_and_source(api):
    api("PUT", SYSTEM, {"loginDefaultOrg": True})
    api("PUT", "/v2/features/organization/acme", {"loginV2": {"baseUri": "https://a.example"}})
    paths = {"improvedPerformance": ["IMPROVED_PERFORMANCE_USER_GRANT"]}
    api("PUT", "/v2/features/user/bob", paths)

    answer = api("GET", "/v2/features/user/bob?inheritance=true").json()

    details = answer.pop("details")
    assert details.pop("changeDate").endswith("Z")
    assert details == {"sequence": "1", "resourceOwner": "acme"}
    unset = {name: {"enabled": False, "source": "SOURCE_UNSPECIFIED"} for name in BUILTIN_BOOLEANS}
    assert answer == unset | {
        "loginDefaultOrg": {"enabled": True, "source": "SOURCE_SYSTEM"},
        "improvedPerformance": {
            "executionPaths": ["IMPROVED_PERFORMANCE_USER_GRANT"],
            "source": "SOURCE_USER",
        },
        "loginV2": {
            "required": False,
            "baseUri": "https://a.example",
            "source": "SOURCE_ORGANIZATION",
        },
    }


def test_get__custom_features__have_a_value_or_are_enabled(api):
    define_custom_features()
    body = {"betaBanner": False, "theme": "dark", "quota": {"diskSpace": 1}}
    api("PUT", SYSTEM, body)

    answer = api("GET", SYSTEM).json()

    del answer["details"]
    assert answer == {
        "betaBanner": {"enabled": False, "source": "SOURCE_SYSTEM"},
        "theme": {"value": "dark", "source": "SOURCE_SYSTEM"},
        "quota": {"value": {"disk_space": 1}, "source": "SOURCE_SYSTEM"},
    }


def test_put__times__are_those_of_the_last_and_the_first_event(api):
    path = "/system/v1/instances/main/features/1"

    first = api("PUT", path, {"bool": True}).json()["details"]
    second = api("PUT", path, {"bool": False}).json()["details"]
    read = api("GET", "/v2/features/instance").json()["details"]

    assert first["creationDate"] == first["changeDate"] == second["creationDate"]
    assert second["changeDate"] >= first["changeDate"]
    assert read == {name: second[name] for name in ("sequence", "changeDate", "resourceOwner")}
    assert (first["sequence"], second["sequence"]) == ("1", "2")


def test_put__no_changes__is_the_documented_error_to_the_letter(api):
    response = api("PUT", SYSTEM, {})

    assert response.status_code == 400
    assert response.json() == {
        "code": 3,
        "message": "No changes (COMMAND-Vigh1)",
        "details": [
            {
                "@type": "type.googleapis.com/zitadel.v1.ErrorDetail",
                "id": "COMMAND-Vigh1",
                "message": "No changes",
            }
        ],
    }


def test_put__bad_fields__are_violations_to_the_letter(api):
    response = api("PUT", SYSTEM, {"loginV2": {"baseUri": "x"}, "nope": 1})

    assert response.status_code == 400
    body = response.json()
    assert body["code"] == 3
    assert body["details"] == [
        {
            "@type": "type.googleapis.com/google.rpc.BadRequest",
            "fieldViolations": [
                {
                    "field": "loginV2.baseUri",
                    "description": "must be an absolute http or https URI",
                },
                {"field": "nope", "description": 'there is no feature "nope"'},
            ],
        }
    ]


def test_get__nothing_set__has_no_details_in_the_error(api):
    response = api("GET", SYSTEM)

    assert_error(response, 404, 5, "inheritance from the parent is disabled")
    assert "details" not in response.json()


@pytest.mark.parametrize("text", ["1", "t", "true", "T", "TRUE", "True", "tRuE"])
def test_get__inheritance_in_any_case__is_true(api, text):
    assert api("GET", f"{SYSTEM}?inheritance={text}").status_code == 200


@pytest.mark.parametrize("query", ["", "?inheritance=0", "?inheritance=f", "?inheritance=FALSE"])
def test_get__without_inheritance__finds_nothing(api, query):
    assert_error(api("GET", SYSTEM + query), 404, 5)


@pytest.mark.parametrize(
    "query",
    [
        "inheritance=",
        "inheritance=yes",
        "inheritance=on",
        "inheritance=2",
        "inheritance=true%20",
        "inheritance=tru",
        "inheritance=%00",
        "inheritance=%ff",
        "inheritance",
        "inheritance=true&inheritance=true",
    ],
)
def test_get__inheritance_that_is_neither__is_named(api, query):
    body = assert_error(api("GET", f"{SYSTEM}?{query}"), 400, 3, "inheritance")

    assert body["details"][0]["fieldViolations"][0]["field"] == "inheritance"


def test_get__very_many_parameters__are_refused(api):
    query = "&".join(f"p{number}=1" for number in range(1001))

    assert_error(api("GET", f"{SYSTEM}?{query}"), 400, 3)


# Paths and verbs


@pytest.mark.parametrize(
    "path",
    [
        "/v2/",
        "/v2/features",
        "/v2/features/",
        "/v2/features/system/",
        "/v2/features/instance/",
        "/v2/features/organization",
        "/v2/features/user",
        "/v2/features/project/1",
        "/v2/features/system%0A",
        "/v2/features/System",
        "/v2beta/features/nope",
        "/v2beta2/features/system",
        "/v2/../v2/features/system",
        "/system/v1/instances/main",
        "/system/v1/instances/main/features",
        "/system/v2/instances/main/features/1",
        "/instances/main",
        "/api/nope",
        "/oauth/nope",
    ],
)
@pytest.mark.parametrize("verb", ["GET", "PUT"])
def test_path__unknown__is_json_and_never_redirected(api, path, verb):
    response = api(verb, path, {"actions": True})

    if path == "/v2beta2/features/system":  # under none of our prefixes
        assert response.status_code == 404
    else:
        assert_error(response, 404, 5, "unknown path")


@pytest.mark.parametrize("verb", ["GET", "POST", "PUT"])
def test_path__unknown_while_debugging__is_json(api, settings, verb):
    settings.DEBUG = True

    assert_error(api(verb, "/v2/features/nope", {"actions": True}), 404, 5, "unknown path")


@pytest.mark.parametrize("verb", ["POST", "PATCH", "OPTIONS", "TRACE", "FOO"])
@pytest.mark.parametrize(
    "path",
    [
        *(f"/{version}/features/{owner}" for version in ("v2", "v2beta") for owner in ("system",)),
        "/v2/features/instance",
        "/v2/features/organization/acme",
        "/v2/features/user/bob",
    ],
)
def test_verb__wrong__is_405_and_says_which_are_right(api, verb, path):
    response = api(verb, path, {"actions": True})

    assert_error(response, 405, 12, verb)
    assert set(response["Allow"].split(", ")) == {"GET", "HEAD", "PUT", "DELETE"}


@pytest.mark.parametrize("verb", ["GET", "HEAD", "POST", "DELETE", "OPTIONS"])
def test_verb__wrong_for_a_single_feature__is_405(api, verb):
    response = api(verb, "/system/v1/instances/main/features/1", {"bool": True})

    assert (response.status_code, response["Allow"]) == (405, "PUT")


def test_head__is_get_without_a_body(api):
    api("PUT", SYSTEM, {"actions": True})

    response = api("HEAD", SYSTEM)

    assert (response.status_code, response.content, response["ETag"]) == (200, b"", '"1"')


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "*/*", "nonsense", ""])
@pytest.mark.parametrize("query", ["", "&format=html", "&format=api"])
def test_accept__whatever__is_answered_in_json(api, accept, query):
    response = api("GET", f"{SYSTEM}?inheritance=1{query}", Accept=accept)

    assert (response.status_code, response["Content-Type"]) == (200, "application/json")


# Ids


@pytest.mark.parametrize(
    "public_id",
    [
        "a/b",
        "/",
        "a/",
        "..",
        "../instance",
        "a b",
        "ünï☃𝄞",
        "%",
        "%2F",
        "a?b#c",
        "x" * 200,
        "'\"<>",
    ],
)
def test_id__any_text__reaches_its_owner(api, public_id):
    organization = create_organization(api.cast.instance, "Odd", public_id=public_id)
    create_user(organization, "odd", public_id=public_id)
    path = quote(public_id, safe="")

    written = api("PUT", f"/v2/features/organization/{path}", {"actions": True})
    read = api("GET", f"/v2beta/features/user/{path}?inheritance=true")

    assert written.json()["details"]["resourceOwner"] == public_id
    assert read.json()["actions"] == {"enabled": True, "source": "SOURCE_ORGANIZATION"}


def test_id__with_a_slash__may_be_written_plainly(api):
    create_organization(api.cast.instance, "Odd", public_id="a/b")

    assert api("PUT", "/v2/features/organization/a/b", {"actions": True}).status_code == 200


@pytest.mark.parametrize(
    "path", ["", "x" * 201, "%E2%98%83" * 201, "%00", "a%0Ab", "a%7F", "%C2%85", "%1B[0m"]
)
@pytest.mark.parametrize("level", ["organization", "user"])
def test_id__that_is_none__is_400(api, level, path):
    for verb in ("GET", "PUT", "DELETE"):
        body = assert_error(api(verb, f"/v2/features/{level}/{path}", {"actions": True}), 400, 3)
        assert body["details"][0]["fieldViolations"][0]["field"] == f"{level}Id"


@pytest.mark.parametrize("path", ["nope", "%FF", "%ED%A0%80", "%C0%AF", "acme%20", "ACME", "acme/"])
def test_id__of_nobody__is_404(api, path):
    assert_error(api("GET", f"/v2/features/organization/{path}?inheritance=1"), 404, 5, "not found")


def test_put__same_features_by_two_prefixes__are_one_history(api):
    api("PUT", "/v2/features/instance", {"actions": True})
    api("PUT", "/v2beta/features/instance", {"actions": False})
    api("PUT", "/instances/main/features/actions", {"bool": True})

    events = Event.objects.filter(stream__kind="instance").order_by("sequence")

    assert list(events.values_list("sequence", "after")) == [(1, True), (2, False), (3, True)]
    assert not events.exclude(surface="api", actor_id="root").exists()
    assert not events.filter(request_id="").exists()
    assert events.filter(stream__sequence=F("sequence")).count() == 1


def test_answers__are_compact_json_in_utf8(api):
    create_organization(api.cast.instance, "Odd", public_id="☃")

    response = api("PUT", "/v2/features/organization/%E2%98%83", {"actions": True})

    assert json.loads(response.content.decode())["details"]["resourceOwner"] == "☃"
    assert '"☃"'.encode() in response.content
