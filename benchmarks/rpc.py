"""Measures a read through Connect's JSON beside the same read through REST.

    ./run bench rpc [--seconds 20] [--on sqlite|postgresql]

Both go in turn over one connection each to the server as it is deployed, so that what else the
machine does meets both alike. It fails where Connect costs more than LIMIT times what REST does.
"""

import argparse
import http.client
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

from benchmarks.bulk import DATABASES, HERE, environment
from benchmarks.bulk import serve as make_database
from tests.bench import GRANIAN, wait_until_up

LIMIT = 1.3
WARM_UP = 50  # requests
READS: dict[str, tuple[str, str, dict[str, object]]] = {
    "instance": (
        "/v2/features/instance?inheritance=true",
        "/zitadel.feature.v2.FeatureService/GetInstanceFeatures",
        {"inheritance": True},
    ),
    "user": (
        "/v2/features/user/alice?inheritance=true",
        "/zitadel.feature.v2.FeatureService/GetUserFeatures",
        {"userId": "alice", "inheritance": True},
    ),
}


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="./run bench rpc")
    parser.add_argument("--seconds", type=float, default=20, help="for each read")
    parser.add_argument("--on", choices=DATABASES, default="sqlite")
    options = parser.parse_args(arguments)
    print(f"{'median ms of a read':<24}{'REST':>9}{'Connect':>9}{'ratio':>8}")
    worst = 0.0
    with serve(options.on) as (port, token), connect(port) as rest, connect(port) as rpc:
        for name, (path, method, message) in READS.items():
            rounds = compare(rest, rpc, path, method, message, token, options.seconds)
            rest_ms, rpc_ms = (statistics.median(times) for times in rounds)
            worst = max(worst, rpc_ms / rest_ms)
            print(f"{name:<24}{rest_ms:>9.2f}{rpc_ms:>9.2f}{rpc_ms / rest_ms:>8.2f}")
    print(
        f"Connect may cost {LIMIT} times what REST does: {'ok' if worst <= LIMIT else 'TOO SLOW'}"
    )
    return 0 if worst <= LIMIT else 1


def compare(
    rest: http.client.HTTPConnection,
    rpc: http.client.HTTPConnection,
    path: str,
    method: str,
    message: dict[str, object],
    token: str,
    seconds: float,
) -> tuple[list[float], list[float]]:
    """Return the milliseconds of each read, the two kinds in turn."""
    headers = {"Authorization": f"Bearer {token}"}
    body = json.dumps(message)
    both: tuple[list[float], list[float]] = ([], [])
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        both[0].append(read(rest, "GET", path, None, headers))
        both[1].append(
            read(rpc, "POST", method, body, headers | {"Content-Type": "application/json"})
        )
    return both[0][WARM_UP:], both[1][WARM_UP:]


def read(
    connection: http.client.HTTPConnection,
    verb: str,
    path: str,
    body: str | None,
    headers: dict[str, str],
) -> float:
    started = time.perf_counter()
    connection.request(verb, path, body, headers)
    response = connection.getresponse()
    answer = response.read()
    if response.status != 200:
        sys.exit(f"{path} answered {response.status}: {answer.decode()}")
    return (time.perf_counter() - started) * 1000


def connect(port: int) -> closing[http.client.HTTPConnection]:
    return closing(http.client.HTTPConnection("localhost", port))


@contextmanager
def serve(database: str) -> Iterator[tuple[int, str]]:
    """Serve a database with the example data; yield the port and an owner's token."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    with (
        tempfile.TemporaryDirectory(prefix="strata-bench-") as folder,
        make_database(database, folder) as url,
    ):
        settings = environment(url) | {"THROTTLE_PER_MINUTE": "0"}
        command = [sys.executable, "manage.py", "demo", "--json"]
        demo = subprocess.run(command, env=settings, cwd=HERE, check=True, capture_output=True)
        server = subprocess.Popen([*GRANIAN, "--port", str(port)], env=settings, cwd=HERE)
        try:
            wait_until_up(port)
            yield port, json.loads(demo.stdout)["tokens"]["iam_owner"]
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
