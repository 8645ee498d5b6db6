"""Runs the benchmarks, and measures the server as it is deployed.

    ./run bench                                           all
    ./run bench NAME [OPTIONS …]                          one of benchmarks/
    ./run bench [--seconds 5] [--connections 16] PATH …   requests a second of the server

The last serves a database of its own, or the one in DATABASE_URL, with granian and two workers. The
load comes from this process on the same machine, so compare numbers with each other only.
"""

import argparse
import http.client
import os
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing, contextmanager
from importlib import import_module
from pathlib import Path

GRANIAN = [str(Path(sys.executable).parent / "granian"), "--interface", "wsgi", "--workers", "2"]
GRANIAN += ["--blocking-threads", "16", "--no-ws", "--log-level", "error"]
GRANIAN += ["config.wsgi:application"]


def main() -> None:
    arguments = sys.argv[1:]
    names = find_benchmarks()
    if arguments and arguments[0] in names:
        sys.exit(run_benchmark(*arguments))
    measure_server()
    if not arguments:
        sys.exit(max(run_benchmark(name) for name in names))


def find_benchmarks() -> list[str]:
    """Return the names of those in benchmarks/: the modules that have a main."""
    folder = Path(__file__).parent.parent / "benchmarks"
    return sorted(path.stem for path in folder.glob("*.py") if "def main(" in path.read_text())


def run_benchmark(name: str, *arguments: str) -> int:
    print(f"\n{name}", flush=True)
    code: int = import_module(f"benchmarks.{name}").main(list(arguments))
    return code


def measure_server() -> None:
    parser = argparse.ArgumentParser(prog="./run bench")
    parser.add_argument("paths", nargs="*", default=["/healthz", "/readyz"], metavar="PATH")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--header", action="append", default=[], help="such as Authorization: …")
    options = parser.parse_args()
    headers = dict(header.split(": ", 1) for header in options.header)

    with tempfile.TemporaryDirectory(prefix="strata-bench-") as folder, serve(folder) as port:
        print(f"{'path':<40}{'requests/s':>12}{'median ms':>12}{'99 % ms':>12}{'not 2xx':>9}")
        for path in options.paths:
            times, bad = load(port, path, headers, options.seconds, options.connections)
            centiles = statistics.quantiles(times, n=100)
            rate = len(times) / options.seconds
            print(f"{path:<40}{rate:>12.0f}{centiles[49]:>12.2f}{centiles[98]:>12.2f}{bad:>9}")


@contextmanager
def serve(folder: str) -> Iterator[int]:
    """Serve on a free port until the end."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    environment = {
        "SECRET_KEY": secrets.token_urlsafe(50),
        "DATABASE_URL": f"sqlite:///{folder}/bench.sqlite3",
        "HTTPS": "off",
        "STATIC_ROOT": "",
        "LOG_LEVEL": "WARNING",
    } | os.environ
    migrate = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    subprocess.run(migrate, env=environment, check=True)
    server = subprocess.Popen([*GRANIAN, "--port", str(port)], env=environment)
    try:
        wait_until_up(port)
        yield port
    finally:
        server.terminate()
        server.wait()


def wait_until_up(port: int) -> None:
    for _ in range(300):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    sys.exit("The server did not start.")


def load(
    port: int, path: str, headers: dict[str, str], seconds: float, connections: int
) -> tuple[list[float], int]:
    """Return the milliseconds of each request, and how many answers were no success."""
    with ProcessPoolExecutor(connections) as executor:
        tasks = [
            executor.submit(load_one, port, path, headers, seconds) for _ in range(connections)
        ]
        results = [task.result() for task in tasks]
    return [one for times, _ in results for one in times], sum(bad for _, bad in results)


def load_one(
    port: int, path: str, headers: dict[str, str], seconds: float
) -> tuple[list[float], int]:
    times, bad = [], 0
    deadline = time.perf_counter() + seconds
    with closing(http.client.HTTPConnection("127.0.0.1", port)) as connection:
        while (started := time.perf_counter()) < deadline:
            connection.request("GET", path, headers=headers)
            response = connection.getresponse()
            response.read()
            bad += not 200 <= response.status < 300
            times.append((time.perf_counter() - started) * 1000)
    return times, bad


if __name__ == "__main__":
    main()
