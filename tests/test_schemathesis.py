"""Requests made from the OpenAPI document, good and bad ones; every answer must be as it says.

For a longer run: STRATA_EXAMPLES=200 ./run test tests/test_schemathesis.py
For every bound of every value: STRATA_COVERAGE=1 ./run test tests/test_schemathesis.py -k coverage
"""

import os
import re
from copy import deepcopy
from itertools import islice
from zlib import crc32

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis.config import SchemathesisConfig
from schemathesis.generation.drivers import CoverageGenerator
from schemathesis.generation.feedback import NO_FEEDBACK
from schemathesis.generation.modes import GenerationMode
from schemathesis.generation.overrides import for_operation

from access.permissions import Resource
from api.schema.document import make_document
from config.wsgi import application
from features.catalogue import BUILTINS
from tests.factories import basic, make_client, token_for

pytestmark = pytest.mark.django_db

EXAMPLES = int(os.environ.get("STRATA_EXAMPLES", "3"))
# Of the cases that schemathesis makes of a schema's bounds, each how-manieth is asked. All take
# minutes; each operation begins with another one, so that those alike share the cases.
COVERAGE_STEP = int(os.environ.get("STRATA_COVERAGE", "8"))

# What a schema cannot say: texts that mean something to the server.
HOSTS = st.from_regex(r"[a-z]{3,10}(\.[a-z]{3,10}){1,2}", fullmatch=True)
for name, texts in {
    "cursor": st.just(""),
    "email": HOSTS.map(lambda host: f"somebody@{host}"),
    "feature": st.sampled_from([builtin.key for builtin in BUILTINS]),
    "idn-hostname": HOSTS,
    "origin": HOSTS.map(lambda host: f"https://{host}"),
    "permission": st.sampled_from([f"{resource}.read" for resource in Resource]),
    "reference": st.sampled_from(["system", "instance", "organization:acme", "user:bob"]),
    "uri": HOSTS.map(lambda host: f"https://{host}/login"),
}.items():
    schemathesis.openapi.format(name, texts)


# 412 like 404 and 409: it depends on the state, which a schema does not know.
ACCEPTED = ["2xx", "3xx", "401", "403", "404", "409", "412", "429"]
REJECTED = [*("400", "401", "403", "404", "405", "406", "409", "412", "413", "415", "429")]
RULED = [
    *("createMembership", "issueToken", "exchangeToken", "createDefinition", "lockFeature"),
    *("applyPlan", "setPassword"),
    # Of these a filter leaves some orders only, as their descriptions say.
    *("listInstances", "listOrganizations", "listUsers", "listEvents"),
]
FORMS = ("/clients", "/oauth")


def make_schema():
    """Return the schema without custom features: the tests' database has none to accept."""
    document = deepcopy(make_document())
    for name, schema in document["components"]["schemas"].items():
        if name.endswith("FeatureChanges"):
            schema["additionalProperties"] = False
    config = SchemathesisConfig.from_dict(
        {
            "generation": {"with-security-parameters": False},
            "checks": {
                "positive_data_acceptance": {"expected-statuses": ACCEPTED},
                "negative_data_rejection": {"expected-statuses": REJECTED},
            },
            "operations": [
                # Every answer of this API is a 200; its tests by hand know the errors in them.
                {
                    "include-path-regex": "^/clients/",
                    "checks": {"negative_data_rejection": {"enabled": False}},
                },
                # What is wrong with a row is told in the plan.
                {
                    "include-operation-id": ["createPlan"],
                    "checks": {
                        "negative_data_rejection": {"expected-statuses": [*REJECTED, "2xx"]},
                        "positive_data_acceptance": {"expected-statuses": [*ACCEPTED, "400"]},
                    },
                },
                # Whether a role fits an owner, a default its kind, a lock a value that is set: no
                # schema says. And to one 7.0 is an integer.
                {
                    "include-operation-id": RULED,
                    "checks": {
                        "positive_data_acceptance": {"expected-statuses": [*ACCEPTED, "400"]}
                    },
                },
            ],
        }
    )
    schema = schemathesis.openapi.from_dict(document, config=config)
    schema.app = application
    return schema


OPERATIONS = {result.ok().label: result.ok() for result in make_schema().get_all_operations()}


@pytest.fixture(scope="module")
def headers(kept_cast, django_db_blocker):
    """Return how to sign in: clients to the APIs of forms, root to the others."""
    # As Django's own test client does: the connection outlives the requests.
    request_started.disconnect(close_old_connections)
    request_finished.disconnect(close_old_connections)
    with django_db_blocker.unblock():
        owner = make_client(kept_cast.instance, "owner")
        yield {
            True: basic(owner),
            False: {"Authorization": f"Bearer {token_for(kept_cast.root)}"},
        }
    request_started.connect(close_old_connections)
    request_finished.connect(close_old_connections)


@pytest.mark.parametrize("mode", GenerationMode, ids=lambda mode: mode.value)
@pytest.mark.parametrize("label", OPERATIONS)
def test_operation__any_request__is_answered_as_described(label, mode, headers):
    operation = OPERATIONS[label]
    sign_in = headers[operation.path.startswith(FORMS)]

    @seed(1)
    @settings(max_examples=EXAMPLES, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case):
        with transaction.atomic():
            case.call_and_validate(base_url="http://testserver", headers=dict(sign_in))
            transaction.set_rollback(True)

    try:
        ask()
    except Unsatisfiable:
        assert mode is GenerationMode.NEGATIVE, "nothing valid could be made from the schema"


# Making the cases of these alone takes a minute: long texts of many formats.
SLOW = {
    *("POST /api/v1/instances", "PATCH /api/v1/instances/{public_id}"),
    *("POST /api/v1/users", "PATCH /api/v1/users/{public_id}"),
    *(label for label in OPERATIONS if label.endswith("/security")),
}


def make_coverage_cases(operation):
    """Yield a request for each bound of each value in the schema, within and beyond."""
    config = operation.schema.config
    yield from CoverageGenerator(
        operation=operation,
        generation_modes=list(GenerationMode),
        generation_config=config.generation_for(operation=operation),
        auth_storage=None,
        override=for_operation(config, operation=operation),
        feedback=NO_FEEDBACK,
    )


@pytest.mark.parametrize(
    "label",
    # A sample is asked on one database.
    [pytest.param(label, marks=pytest.mark.once) for label in OPERATIONS if label not in SLOW]
    if COVERAGE_STEP > 1
    else list(OPERATIONS),
)
def test_operation__coverage_of_its_bounds__is_answered_as_described(label, headers):
    operation = OPERATIONS[label]
    sign_in = headers[operation.path.startswith(FORMS)]
    first = crc32(label.encode()) % COVERAGE_STEP

    for case in islice(make_coverage_cases(operation), first, None, COVERAGE_STEP):
        with transaction.atomic():
            case.call_and_validate(base_url="http://testserver", headers=dict(sign_in))
            transaction.set_rollback(True)


@pytest.mark.parametrize("path", dict.fromkeys(one.path for one in OPERATIONS.values()))
def test_path__verb_that_is_not_described__405_and_what_is_allowed(path, headers, client):
    described = {one.method.upper() for one in OPERATIONS.values() if one.path == path}
    address = re.sub(r"\{[a-z_]+\}", "7", path)

    for verb in {"POST", "PUT", "PATCH", "DELETE", "TRACE"} - described:
        answer = client.generic(verb, address, headers=headers[path.startswith(FORMS)])

        assert answer.status_code == 405, verb
        assert described <= set(answer["Allow"].split(", ")), verb
