"""Measures what HTTP Basic authentication of an API client adds to a request.

    ./run bench basic_auth [--requests 2000] [--on sqlite|postgresql]

The floor is the same request without authentication: the same view, told who asks. Both go in turn
through the whole application in one process, without a network in between, which would hide the
difference; the numbers are medians.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

from benchmarks.bulk import DATABASES, HERE, environment, serve

PATH = "/v2/features/organization/acme?inheritance=true"
BATCH = 50


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="./run bench basic_auth")
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--on", choices=DATABASES, action="append")
    options = parser.parse_args(arguments)
    print(f"{'':<20}{'floor ms':>10}{'Basic ms':>10}{'ratio':>8}{'queries added':>15}")
    for database in options.on or DATABASES:
        with (
            tempfile.TemporaryDirectory(prefix="strata-bench-") as folder,
            serve(database, folder) as url,
        ):
            result = measure_apart(url, options.requests)
        floor, basic = result["floor"], result["basic"]
        row = f"{floor:>10.2f}{basic:>10.2f}{basic / floor:>8.2f}{result['queries']:>15}"
        print(f"{database:<20}{row}", flush=True)
    return 0


def measure_apart(url: str, requests: int) -> dict[str, Any]:
    """Measure in a process of its own, whose settings name the database."""
    command = [sys.executable, "-m", "benchmarks.basic_auth", "--measure", str(requests)]
    variables = environment(url) | {"THROTTLE_PER_MINUTE": "0"}
    done = subprocess.run(command, env=variables, cwd=HERE, check=True, stdout=subprocess.PIPE)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def measure(requests: int) -> dict[str, Any]:
    """Return the median milliseconds of both requests, and how many queries Basic adds."""
    import django

    django.setup()
    from django.core.handlers.base import BaseHandler
    from django.db import connection
    from django.test import RequestFactory
    from django.test.utils import CaptureQueriesContext

    from clients.authentication import ClientAuthentication
    from features.views import FeatureSettingsViewSet
    from tests.factories import basic, make_cast, make_client

    cast = make_cast("testserver")
    issued = make_client(cast.instance, "direct_read_access")
    headers, factory = basic(issued), RequestFactory()
    application = BaseHandler()
    application.load_middleware()
    actor = issued.client.as_actor()

    class Known(ClientAuthentication):
        def authenticate(self, request: Any) -> Any:
            return actor, issued.client

    def ask() -> None:
        response = application.get_response(factory.get(PATH, headers=headers))
        if response.status_code != 200:
            sys.exit(f"answered {response.status_code}")

    def queries_of(call: Callable[[], None]) -> int:
        call()
        with CaptureQueriesContext(connection) as queries:
            call()
        return len(queries)

    ways: dict[str, Any] = {
        "floor": [Known],
        "basic": FeatureSettingsViewSet.authentication_classes,
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    queries: dict[str, int] = {}
    for name, classes in ways.items():
        FeatureSettingsViewSet.authentication_classes = classes
        queries[name] = queries_of(ask)
    for _ in range(max(requests // BATCH, 1)):
        for name, classes in ways.items():
            FeatureSettingsViewSet.authentication_classes = classes
            for _turn in range(BATCH):
                started = time.perf_counter()
                ask()
                times[name].append((time.perf_counter() - started) * 1000)
    medians = {name: statistics.median(measured) for name, measured in times.items()}
    return medians | {"queries": queries["basic"] - queries["floor"]}


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
        print(json.dumps(measure(int(sys.argv[2]))))
        sys.exit(0)
    sys.exit(main(sys.argv[1:]))
