"""The feature API through every binary way in: the same table of cases as through REST."""

from collections.abc import Iterator
from contextlib import contextmanager

import grpc
import pytest
from django.db import connection, connections, transaction
from django.test import Client

from events.models import Event
from rpc.errors import DESCRIPTORS
from tests.feature_api import (
    Unsayable,
    World,
    case_id,
    check_case,
    find_outcomes,
    load_cases,
    make_world,
    permission_table,
)
from tests.listener import Listener
from tests.rest import read_answer, send
from tests.rpc_callers import NodeProcess, RpcCaller, connect, grpc_web, install_clients, native

pytestmark = pytest.mark.django_db

NODE_TRANSPORTS = [
    "node connect json 1.1",
    "node connect binary 2",
    "node grpc-web 1.1",
    "node grpc 2",
    "web connect json",
    "web grpc-web",
]


@pytest.fixture(scope="module")
def world(django_db_setup, django_db_blocker) -> Iterator[World]:
    """Return one world for all tests: each undoes what it does to it."""
    with django_db_blocker.unblock(), undone():
        yield make_world()


@pytest.fixture(scope="session")
def _listener() -> Iterator[Listener]:
    listener = Listener()
    yield listener
    listener.close()


@pytest.fixture
def listener(_listener, db):
    """Return the listener, working with this test's connection and so in its transaction."""
    connection.inc_thread_sharing()
    _listener.connection = connections["default"]
    yield _listener
    connection.dec_thread_sharing()


@pytest.fixture(scope="session")
def channel(_listener) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(f"127.0.0.1:{_listener.port}") as channel:
        yield channel


@pytest.fixture(scope="session")
def node(_listener) -> Iterator[NodeProcess]:
    process = NodeProcess(install_clients(), f"http://127.0.0.1:{_listener.port}", str(DESCRIPTORS))
    yield process
    process.close()


@contextmanager
def undone() -> Iterator[None]:
    """Undo what is done to the database within."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.fixture
def callers(listener, channel, request):
    """Return every way in by its name; Node's on one database, for they do not see which it is."""
    client = Client()
    transports = {
        "connect json": connect(client, "json"),
        "connect binary": connect(client, "proto"),
        "grpc-web": grpc_web(client),
        "grpc": native(channel),
    }
    if connection.vendor == "sqlite":
        node = request.getfixturevalue("node")
        transports |= {name: node.transport(name) for name in NODE_TRANSPORTS}
    return {name: RpcCaller(transport) for name, transport in transports.items()}


@pytest.mark.once  # REST tries the same cases on both databases
@pytest.mark.parametrize("case", load_cases("feature_api.json"), ids=case_id)
def test_rpc__case__comes_out_as_through_rest(case, callers, world):
    for name, caller in callers.items():
        try:
            with undone():
                check_case(case, caller, world)
        except Unsayable:
            assert name != "connect json"
        except AssertionError as error:
            error.add_note(f"through {name}")
            raise


@pytest.mark.once
@pytest.mark.parametrize("actor", permission_table()["actors"])
def test_rpc__actor__may_what_the_table_says(actor, listener, channel, world):
    table = permission_table()
    expected = table["actors"][actor]

    found = find_outcomes(actor, RpcCaller(native(channel)), world)

    refused = table["calls"].keys() - set(expected["allowed"]) - set(expected["unknown"])
    assert found == expected | {"refused": sorted(refused)}


@pytest.mark.parametrize("case", load_cases("feature_api.json")[:10], ids=case_id)
def test_rpc__deprecated_service__answers_alike(case, listener, channel, world):
    check_case(case, RpcCaller(native(channel), "v2beta"), world)


def test_grpc__more_errors_than_trailers_hold__tells_the_first(listener, channel, world):
    wrong = {f"☃ {n}": True for n in range(80)}

    outcome = RpcCaller(native(channel)).call("SetInstanceFeatures", wrong, world.token("root"))

    failure = outcome.failure
    assert failure is not None
    assert failure.code == 3
    assert failure.message.endswith("…")
    assert 5 < len(failure.violations) < 80


SETTINGS_PATH = "/v2/settings/security"
SETTINGS = [
    # who asks, the message of SetSecuritySettings
    ("root", {}),
    ("root", {"enableImpersonation": True}),
    ("root", {"embeddedIframe": {"enabled": True}}),
    ("root", {"embeddedIframe": {"allowedOrigins": ["HTTPS://App.Example.com:443/"]}}),
    ("root", {"embeddedIframe": {"enabled": False}, "enableImpersonation": False}),
    ("IAM_OWNER", {"embeddedIframe": {"allowedOrigins": ["https://a.example", "*", "ftp://x"]}}),
    ("IAM_OWNER", {"embeddedIframe": {"allowedOrigins": ["https://a.example"] * 2}}),
    ("IAM_OWNER_VIEWER", {"enableImpersonation": True}),
    ("bob", {"enableImpersonation": True}),
    ("nobody", {}),
]


@pytest.mark.parametrize(("actor", "message"), SETTINGS)
def test_rpc_settings__change_and_read__come_out_as_through_rest(actor, message, callers, world):
    token = world.token("root")
    given = {"embeddedIframe": {"enabled": True, "allowedOrigins": ["https://given.example"]}}
    assert send(Client(), "PUT", SETTINGS_PATH, given, token).status_code == 200

    with undone():
        expected = change_and_read(RestSettings(), message, world.token(actor))
    found = {}
    for name, caller in callers.items():
        with undone():
            found[name] = change_and_read(caller, message, world.token(actor))

    assert found == dict.fromkeys(callers, expected)


class RestSettings:
    """The settings API through REST, in the form that the binary ways in have."""

    def exchange(self, method, message, token):
        verb, body = ("PUT", message) if method == "SetSecuritySettings" else ("GET", None)
        response = send(Client(), verb, SETTINGS_PATH, body, token)
        if response.status_code == 200:
            return response.json()
        return read_answer(response).failure


def change_and_read(caller, message, token):
    """Return what setting and reading answered, and the events; their times differ."""
    last = Event.objects.latest("pk").pk
    answers = [
        caller.exchange("SetSecuritySettings", message, token),
        caller.exchange("GetSecuritySettings", {}, token),
    ]
    for answer in answers:
        if isinstance(answer, dict):
            assert answer["details"].pop("changeDate")
    events = Event.objects.filter(pk__gt=last).exclude(stream__kind="user.token").order_by("pk")
    return answers, [(e.type, e.subject, e.before, e.after, e.actor_id) for e in events]
