"""Entity tags of the feature API: what a reader may keep, and what a writer may overwrite."""

import pytest

from events.models import Event
from tests.rest import RootApi, assert_error

pytestmark = pytest.mark.django_db

ACME = "/v2/features/organization/acme"
SINGLE = "/system/v1/instances/main/features/1"


@pytest.fixture
def api(client, db, kept_cast):
    """Send requests as root; acme has had two changes."""
    api = RootApi(client, kept_cast)
    api("PUT", ACME, {"actions": False})
    api("PUT", ACME, {"actions": True})
    return api


@pytest.mark.parametrize("prefix", ["/v2", "/v2beta"])
def test_etag__without_inheritance__is_the_sequence(api, prefix):
    assert api("GET", f"{prefix}/features/organization/acme")["ETag"] == '"2"'


def test_etag__with_inheritance__changes_with_every_level_and_only_then(api):
    path = "/v2/features/user/bob?inheritance=true"
    levels = ["system", "instance", "organization/acme", "user/bob"]

    tags = [api("GET", path)["ETag"]]
    for level in levels:
        api("PUT", f"/v2/features/{level}", {"userSchema": True})
        tags.append(api("GET", path)["ETag"])
    again = api("GET", path)["ETag"]

    assert len(set(tags)) == 5
    assert again == tags[-1]
    assert all(tag.startswith('"') and tag.endswith('"') for tag in tags)


@pytest.mark.parametrize("query", ["", "?inheritance=true"])
@pytest.mark.parametrize("form", ["{}", "W/{}", '"x", {}', "*", ' W/"y" , {} ', '"a,b",{}'])
def test_if_none_match__that_names_the_tag__is_304(api, query, form):
    tag = api("GET", ACME + query)["ETag"]

    response = api("GET", ACME + query, **{"If-None-Match": form.format(tag)})

    assert (response.status_code, response.content, response["ETag"]) == (304, b"", tag)


@pytest.mark.parametrize("header", ['"1"', '"3"', "2", "", "garbage", 'W/"1"', '"2', "**"])
def test_if_none_match__that_names_another__is_200(api, header):
    assert api("GET", ACME, **{"If-None-Match": header}).status_code == 200


def test_if_none_match__after_a_change__is_200(api):
    tag = api("GET", f"{ACME}?inheritance=true")["ETag"]
    api("PUT", "/v2/features/system", {"userSchema": True})

    response = api("GET", f"{ACME}?inheritance=true", **{"If-None-Match": tag})

    assert response.status_code == 200


def test_if_none_match__where_nothing_is_set__is_404(api):
    response = api("GET", "/v2/features/user/bob", **{"If-None-Match": "*"})

    assert_error(response, 404, 5)


@pytest.mark.parametrize("header", ['"2"', "*", '"1", "2"', ' "7" ,"2"', 'W/"1", "2"', '"x","2"'])
@pytest.mark.parametrize("verb", ["PUT", "DELETE"])
def test_if_match__that_holds__writes(api, header, verb):
    response = api(verb, ACME, {"actions": False}, **{"If-Match": header})

    assert response.json()["details"]["sequence"] == "3"


@pytest.mark.parametrize(
    "header",
    [
        '"1"',
        '"3"',
        '"02"',
        '"-2"',
        '"2.0"',
        'W/"2"',
        'W/"2", W/"1"',
        "2",
        "'2'",
        '"2',
        '2"',
        "garbage",
        "",
        '""',
        '"*"',
        f'"{"9" * 30}"',
        "hash",
    ],
)
@pytest.mark.parametrize("verb", ["PUT", "DELETE"])
def test_if_match__that_does_not_hold__is_412_and_writes_nothing(api, header, verb):
    if header == "hash":
        header = api("GET", f"{ACME}?inheritance=true")["ETag"]

    response = api(verb, ACME, {"actions": False}, **{"If-Match": header})

    assert_error(response, 412, 10, "the sequence is 2")
    assert Event.objects.filter(stream__kind="organization").count() == 2
    assert api("GET", ACME).json()["actions"]["enabled"] is True


def test_if_match__not_met_by_what_changes_nothing__is_412(api):
    response = api("PUT", ACME, {"actions": True}, **{"If-Match": '"1"'})

    assert_error(response, 412, 10)


@pytest.mark.parametrize("header", ["*", '"1"'])
def test_if_match__where_nothing_ever_happened__is_412(api, header):
    response = api("PUT", "/v2/features/user/bob", {"actions": True}, **{"If-Match": header})

    assert_error(response, 412, 10, "the sequence is 0")


def test_if_match__nought__holds_before_the_first_event_alone(api):
    bob = "/v2/features/user/bob"

    first = api("PUT", bob, {"actions": True}, **{"If-Match": '"0"'})
    second = api("PUT", bob, {"actions": False}, **{"If-Match": '"0"'})

    assert (first.status_code, second.status_code) == (200, 412)


def test_if_match__star_after_a_reset__holds(api):
    api("DELETE", ACME)

    assert api("PUT", ACME, {"actions": True}, **{"If-Match": "*"}).status_code == 200


@pytest.mark.parametrize(("header", "status"), [('"1"', 200), ('"2"', 412), ("*", 200)])
def test_if_match__on_the_single_feature_path__counts_too(api, header, status):
    api("PUT", SINGLE, {"bool": True})

    assert api("PUT", SINGLE, {"bool": False}, **{"If-Match": header}).status_code == status


def test_if_match__comes_after_the_fields(api):
    response = api("PUT", ACME, {"nope": True}, **{"If-Match": '"1"'})

    assert_error(response, 400, 3, "nope")


def test_writers__of_different_fields__do_not_undo_one_another(api):
    api("PUT", ACME, {"userSchema": True})
    api("PUT", ACME, {"oidcTokenExchange": False})

    answer = api("GET", ACME).json()

    assert answer["details"]["sequence"] == "4"
    assert answer.keys() == {"details", "actions", "userSchema", "oidcTokenExchange"}


def test_writers__of_one_field__the_last_wins(api):
    api("PUT", ACME, {"actions": False})

    assert api("GET", ACME).json()["actions"]["enabled"] is False


def test_writers__with_the_same_tag__only_the_first_succeeds(api):
    tag = api("GET", ACME)["ETag"]

    first = api("PUT", ACME, {"userSchema": True}, **{"If-Match": tag})
    second = api("PUT", ACME, {"oidcTokenExchange": True}, **{"If-Match": tag})

    assert (first.status_code, second.status_code) == (200, 412)
    assert "oidcTokenExchange" not in api("GET", ACME).json()
