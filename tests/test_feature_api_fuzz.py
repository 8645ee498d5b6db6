"""Whatever is sent under the API's prefixes: JSON comes back, and never an error of ours."""

import json
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.errors import API_PREFIXES
from features.catalogue import BUILTINS
from features.kinds import camel_case
from tests.rest import RootApi

pytestmark = pytest.mark.django_db

FUZZ = settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
PIECES = ["v2", "v2beta", "features", "system", "instance", "organization", "user", "instances"]
PIECES += ["acme", "bob", "main", "v1", "1", "..", ".", "", "%00", "%2F", "%ff", "%ED%A0%80", "\\"]
PIECES += ["%0d%0aX: 1", "%", "%zz", "a" * 201, "☃", "' OR 1=1 --", "<script>", "{}", "%C0%AF"]

VERBS = st.sampled_from(["GET", "HEAD", "PUT", "DELETE", "POST", "PATCH", "OPTIONS", "TRACE", "X"])
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8).map(quote)
PATHS = st.builds(
    lambda prefix, pieces: prefix + "/".join(pieces),
    st.sampled_from([*API_PREFIXES, "/v2/features/", "/v2/features/organization/"]),
    st.lists(st.sampled_from(PIECES) | WORDS, max_size=5),
)
QUERIES = st.sampled_from(["", "?inheritance=true", "?inheritance=%ff", "?%00=%00&&&==", "?a[]=1"])
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=8,
)
FIELDS = [name for builtin in BUILTINS for name in (builtin.key, camel_case(builtin.key))]
CHANGE_SETS = st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=12), JSON_VALUES)
BODIES = st.binary(max_size=40) | (CHANGE_SETS | JSON_VALUES).map(lambda v: json.dumps(v).encode())
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        name: st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)
        for name in ("If-Match", "If-None-Match", "Accept", "Range", "Authorization")
    },
)


@pytest.fixture
def api(client, db, kept_cast):
    return RootApi(client, kept_cast)


def assert_json_and_not_our_error(response):
    assert response.status_code < 500, response.content
    if response.content:
        assert response["Content-Type"] == "application/json"
        json.loads(response.content)
    else:
        assert response.status_code in {200, 304, 400, 401, 404, 405}


@FUZZ
@given(VERBS, PATHS, QUERIES, BODIES, HEADERS)
def test_api__hostile_requests__are_answered_in_json(api, verb, path, query, body, headers):
    assert_json_and_not_our_error(api(verb, path + query, body, **headers))


@FUZZ
@given(CHANGE_SETS, st.sampled_from(["system", "instance", "organization/acme", "user/bob"]))
def test_put__any_change_set__is_applied_or_refused_by_name(api, body, owner):
    path = f"/v2/features/{owner}"

    response = api("PUT", path, json.dumps(body).encode())

    assert_json_and_not_our_error(response)
    if response.status_code == 200:
        assert api("PUT", path, json.dumps(body).encode()).json() == response.json()
    else:
        assert response.status_code == 400
        assert response.json()["code"] == 3
