"""The two servers as `./run` starts them: what a client over a real socket can count on."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import grpc
import pytest

from config.settings import BASE_DIR
from rpc.errors import DESCRIPTORS
from rpc.gen.feature_service_v2_pb2 import (
    GetInstanceFeaturesRequest,
    GetInstanceFeaturesResponse,
    SetInstanceFeaturesRequest,
)
from rpc.gen.health_v1_pb2 import HealthCheckRequest, HealthCheckResponse
from tests.rpc_callers import NodeProcess, find_method, install_clients

pytestmark = pytest.mark.once

SERVICE = "/zitadel.feature.v2.FeatureService"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"
POST = (
    f"POST {SERVICE}/GetInstanceFeatures HTTP/1.1\r\n"
    "Host: localhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{{"
).encode()


@pytest.fixture(scope="module")
def environment(tmp_path_factory) -> dict[str, str]:
    """Return the environment of both servers: one database, and ports that are free."""
    folder: Path = tmp_path_factory.mktemp("servers")
    ports = [str(port) for port in find_free_ports(2)]
    return {
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", "/"),
        "STRATA_VENV": sys.prefix,
        "SECRET_KEY": "a key of the tests, which protects nothing, of 50 or more characters",
        "DATABASE_URL": f"sqlite:///{folder / 'servers.sqlite3'}",
        "HTTPS": "off",
        "STATIC_ROOT": "",
        "PORT": ports[0],
        "GRPC_PORT": ports[1],
    }


def find_free_ports(count: int) -> list[int]:
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


@pytest.fixture(scope="module")
def token(environment):
    """Start both servers on one database with demo data; return an owner's token."""
    servers = [
        subprocess.Popen(
            [sys.executable, BASE_DIR / "run", *command],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for command in ([], ["grpc"])
    ]
    try:
        for port in (environment["PORT"], environment["GRPC_PORT"]):
            wait_for(f"http://127.0.0.1:{port}/readyz")
        demo = subprocess.run(
            [sys.executable, BASE_DIR / "manage.py", "demo", "--json"],
            env=environment,
            capture_output=True,
            check=True,
        )
        yield json.loads(demo.stdout)["tokens"]["iam_owner"]
    finally:
        for server in servers:
            server.send_signal(signal.SIGTERM)
        for server in servers:
            server.wait(timeout=30)


def wait_for(url: str) -> None:
    for _ in range(600):
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"nothing answers at {url}")


@pytest.fixture
def channel(token, environment):
    with grpc.insecure_channel(f"localhost:{environment['GRPC_PORT']}") as channel:
        yield channel


def read(channel, token, *metadata):
    call = channel.unary_unary(
        f"{SERVICE}/GetInstanceFeatures",
        request_serializer=GetInstanceFeaturesRequest.SerializeToString,
        response_deserializer=GetInstanceFeaturesResponse.FromString,
    )
    request = GetInstanceFeaturesRequest(inheritance=True)
    return call(request, metadata=[("authorization", f"Bearer {token}"), *metadata], timeout=20)


def status_of(function, *arguments, **options) -> grpc.StatusCode:
    with pytest.raises(grpc.RpcError) as caught:
        function(*arguments, **options)
    code: grpc.StatusCode = caught.value.code()
    return code


@pytest.mark.parametrize("server", ["PORT", "GRPC_PORT"])
@pytest.mark.parametrize(
    "options", [[], ["--http2-prior-knowledge"], ["-H", "Transfer-Encoding: chunked"]]
)
def test_curl__connect_json__is_answered_in_each_version_of_http(
    token, environment, server, options
):
    if not shutil.which("curl"):
        pytest.skip("needs curl")
    url = f"http://localhost:{environment[server]}{SERVICE}/GetInstanceFeatures"
    headers = ["-H", f"Authorization: Bearer {token}", "-H", "Content-Type: application/json"]

    command = ["curl", "-s", *options, *headers, "-d", '{"inheritance": true}', url]
    answer = subprocess.run(command, capture_output=True, check=True).stdout

    assert json.loads(answer)["loginDefaultOrg"]["source"] == "SOURCE_UNSPECIFIED"


@pytest.mark.parametrize(
    ("server", "transports"),
    [
        ("PORT", ["node connect json 1.1", "node connect binary 2", "node grpc-web 1.1"]),
        ("PORT", ["web connect json", "web grpc-web"]),
        ("GRPC_PORT", ["node grpc 2", "node connect json 1.1", "web grpc-web"]),
    ],
)
def test_node__each_transport__reaches_its_server(token, environment, server, transports):
    node = NodeProcess(
        install_clients(), f"http://localhost:{environment[server]}", str(DESCRIPTORS)
    )
    method = find_method("zitadel.feature.v2.FeatureService", "GetInstanceFeatures")
    metadata = {"authorization": f"Bearer {token}"}

    replies = [node.transport(name)(method, {"inheritance": True}, metadata) for name in transports]
    node.close()

    assert [reply.answer["loginDefaultOrg"]["enabled"] for reply in replies] == [False] * len(
        transports
    )


def test_grpc__health__is_serving(channel):
    check = channel.unary_unary(
        "/grpc.health.v1.Health/Check",
        request_serializer=HealthCheckRequest.SerializeToString,
        response_deserializer=HealthCheckResponse.FromString,
    )

    assert check(HealthCheckRequest(), timeout=20).status == HealthCheckResponse.SERVING


def test_grpc__unknown_method__is_unimplemented(channel):
    call = channel.unary_unary(f"{SERVICE}/Nonsense")

    assert status_of(call, b"", timeout=20) is grpc.StatusCode.UNIMPLEMENTED


def test_grpc__at_the_http_port__is_refused(token, environment):
    with grpc.insecure_channel(f"localhost:{environment['PORT']}") as channel:
        assert status_of(read, channel, token) is not grpc.StatusCode.OK


def test_grpc__oversized_message__is_refused_and_the_connection_goes_on(channel, token):
    message = SetInstanceFeaturesRequest()
    message.features["greeting"].string_value = "x" * (4 * 1024 * 1024)
    call = channel.unary_unary(f"{SERVICE}/SetInstanceFeatures")
    metadata = [("authorization", f"Bearer {token}")]

    status = status_of(call, message.SerializeToString(), metadata=metadata, timeout=20)

    assert status is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert read(channel, token).details.resource_owner


@pytest.mark.parametrize("length", [16_000, 1_000_000])
def test_grpc__metadata_too_long__is_refused_and_others_are_served(channel, token, length):
    status = status_of(read, channel, token, ("x-long", "x" * length))

    assert status in {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNAVAILABLE}
    assert read(channel, token).details.resource_owner


@pytest.mark.parametrize("sent", [b"", PREFACE[:10], PREFACE, POST])
def test_grpc__hundred_connections_that_hang__do_not_starve_others(
    channel, token, environment, sent
):
    address = ("127.0.0.1", int(environment["GRPC_PORT"]))
    hanging = [socket.create_connection(address) for _ in range(100)]
    for connection in hanging:
        connection.sendall(sent)

    try:
        answer = read(channel, token)
    finally:
        for connection in hanging:
            connection.close()

    assert answer.details.resource_owner
    assert read(channel, token).details.resource_owner


COMMANDS = [
    line
    for block in re.findall(r"```sh\n(.*?)```", (BASE_DIR / "docs/rpc.md").read_text(), re.DOTALL)
    for line in block.splitlines()
]


def test_docs__each_command__is_answered(token, environment, tmp_path):
    answers = []
    for line in COMMANDS:
        if shutil.which(line.partition(" ")[0]):
            here = line.replace(":8000", f":{environment['PORT']}")
            here = here.replace(":8001", f":{environment['GRPC_PORT']}")
            here = re.sub(r"^curl ", "curl -sf ", here)
            answers.append(
                subprocess.run(
                    here,
                    shell=True,
                    cwd=tmp_path,
                    env=environment | {"OWNER": token},
                    capture_output=True,
                    check=True,
                    text=True,
                ).stdout
            )

    assert len(COMMANDS) == 6
    assert '"loginDefaultOrg":{"enabled":true,"source":"SOURCE_INSTANCE"}' in answers[1]
    assert '"embeddedIframe"' in answers[2]
    assert (tmp_path / "strata.binpb").read_bytes() == DESCRIPTORS.read_bytes()
