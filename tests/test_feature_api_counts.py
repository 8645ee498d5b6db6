"""How many statements a request of the feature API may cost, whatever the number of features.

Counted is everything that reaches the database from the first middleware to the answer: finding the
token, the owner and the settings, the writes, and the two statements that begin and end their
transaction (here a savepoint's, since a test lives in a transaction). Not counted is what a process
does once and not for each request: loading the definitions and hosts of a new revision, and noting,
at most once a minute, that a token is in use.
"""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from features.catalogue import BUILTINS
from features.models import Feature
from tenancy.levels import Level
from tenancy.revision import touch_revision
from tests.rest import RootApi

pytestmark = pytest.mark.django_db

OWNERS = ["system", "instance", "organization/acme", "user/bob"]
BOOLEANS = [b.key for b in BUILTINS if b.kind.name == "boolean" and Level.SYSTEM in b.levels]
ONE, MANY = {"actions": True}, dict.fromkeys(BOOLEANS, True)


@pytest.fixture
def api(client, db, kept_cast):
    """Send requests as root, from a process that is warm."""
    api = RootApi(client, kept_cast)
    warm_up(api)
    return api


def warm_up(api):
    api("GET", "/v2/features/system?inheritance=true")


def count_statements(api, verb, path, body=None, **headers):
    with CaptureQueriesContext(
        connection,
    ) as captured:
        response = api(verb, path, body, **headers)
    assert response.status_code == 200, response.content
    return len(captured)


def define_many_features():
    Feature.objects.bulk_create(
        Feature(key=f"extra_{n}", json_name=f"extra{n}", kind="boolean", default=False)
        for n in range(200)
    )
    touch_revision()


@pytest.mark.parametrize("owner", OWNERS)
@pytest.mark.parametrize("body", [ONE, MANY], ids=["one", "many"])
def test_put__of_one_owner__takes_eight_statements_at_most(api, owner, body):
    before = count_statements(api, "PUT", f"/v2/features/{owner}", body)
    changed = dict.fromkeys(body, False)
    define_many_features()
    warm_up(api)

    after = count_statements(api, "PUT", f"/v2/features/{owner}", changed, **{"If-Match": "*"})

    assert before == after
    assert after <= 8


@pytest.mark.parametrize("owner", OWNERS)
def test_put__that_also_removes__takes_one_statement_more(api, owner):
    path = f"/v2/features/{owner}"
    api("PUT", path, MANY)

    mixed = count_statements(api, "PUT", path, dict.fromkeys(MANY) | {"actions": False})

    assert mixed == count_statements(api, "PUT", path, ONE) + 1


@pytest.mark.parametrize("owner", OWNERS)
def test_put__that_only_removes__takes_eight_statements_at_most(api, owner):
    api("PUT", f"/v2/features/{owner}", MANY)

    assert count_statements(api, "PUT", f"/v2/features/{owner}", dict.fromkeys(MANY)) <= 8


@pytest.mark.parametrize("owner", OWNERS)
def test_delete__of_many__takes_eight_statements_at_most(api, owner):
    api("PUT", f"/v2/features/{owner}", MANY)

    assert count_statements(api, "DELETE", f"/v2/features/{owner}") <= 8


@pytest.mark.parametrize("owner", OWNERS)
def test_put__that_changes_nothing__writes_nothing(api, owner):
    api("PUT", f"/v2/features/{owner}", ONE)

    assert count_statements(api, "PUT", f"/v2/features/{owner}", ONE) <= 3


@pytest.mark.parametrize("query", ["", "?inheritance=true"])
@pytest.mark.parametrize(("owner", "statements"), [*zip(OWNERS, [2, 2, 3, 3], strict=True)])
def test_get__of_all_levels__reads_token_owner_and_settings(api, owner, statements, query):
    for each in OWNERS:
        api("PUT", f"/v2/features/{each}", MANY)

    assert count_statements(api, "GET", f"/v2/features/{owner}{query}") == statements
