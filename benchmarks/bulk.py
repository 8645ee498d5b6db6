"""Measures a bulk change: a CSV file gives a feature to a million users, an event each.

    ./run bench bulk [--users 1000000] [--organizations 10000] [--on sqlite|postgresql]

The floor is the same work in plain SQL without Strata: the file copied into a temporary table, one
INSERT … SELECT … ON CONFLICT for the overrides, and the streams and events the same way. Floor and
Strata run in turn, on databases alike, in processes of their own; the memory is a process's peak.
"""

import argparse
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from tests.postgres import run_postgres

HERE = Path(__file__).resolve().parent.parent
DATABASES = ("sqlite", "postgresql")
FEATURE = "login_default_org"
MEMORY_LIMIT = 200  # MB


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="./run bench bulk")
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--organizations", type=int, default=10_000)
    parser.add_argument("--on", choices=DATABASES, action="append")
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args(arguments)
    print(f"{'':<44}{'floor s':>9}{'Strata s':>10}{'ratio':>8}{'peak MB':>9}")
    for database in options.on or DATABASES:
        for level, number in (("user", options.users), ("organization", options.organizations)):
            measure(database, level, number, options.repeat)
    return 0


def measure(database: str, level: str, number: int, repeat: int) -> None:
    """Print the best of a few turns of both."""
    floors, ours = [], []
    with tempfile.TemporaryDirectory(prefix="strata-bench-") as folder:
        file = Path(folder) / "rows.csv"
        with file.open("w") as stream:
            stream.write("level,owner,feature,value\n")
            stream.writelines(f"{level},u{n},{FEATURE},on\n" for n in range(1, number + 1))
        for _ in range(repeat):
            with serve(database, folder) as url:
                run("fill", url, level, str(number))
                floors.append(run("floor", url, str(file)))
            with serve(database, folder) as url:
                run("fill", url, level, str(number))
                ours.append(run("strata", url, str(file)))
    floor = min(result["seconds"] for result in floors)
    best = min(result["seconds"] for result in ours)
    peak = max(result["peak"] for result in ours)
    name = f"{database}: {number:,} {level}s, one feature"
    print(f"{name:<44}{floor:>9.2f}{best:>10.2f}{best / floor:>8.2f}{peak:>9.0f}", flush=True)


@contextmanager
def serve(database: str, folder: str) -> Iterator[str]:
    """Give the address of a new, migrated database."""
    if database == "sqlite":
        file = Path(folder) / f"{secrets.token_hex(4)}.sqlite3"
        migrate(f"sqlite:///{file}")
        yield f"sqlite:///{file}"
        for path in file.parent.glob(f"{file.name}*"):
            path.unlink()
        return
    with run_postgres() as url:
        with psycopg.connect(url.replace("/strata?", "/postgres?"), autocommit=True) as server:
            server.execute("CREATE DATABASE strata")
        migrate(url)
        yield url


def environment(url: str) -> dict[str, str]:
    settings = {"SECRET_KEY": "x" * 25 + "y" * 25 + secrets.token_hex(8), "HTTPS": "off"}
    settings |= {"DATABASE_URL": url, "STATIC_ROOT": "", "LOG_LEVEL": "WARNING"}
    return os.environ | settings | {"DJANGO_SETTINGS_MODULE": "config.settings"}


def migrate(url: str) -> None:
    command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    subprocess.run(command, env=environment(url), cwd=HERE, check=True)


def run(step: str, url: str, *arguments: str) -> Any:
    """Run one step in a process of its own and return what it measured."""
    command = [sys.executable, "-m", "benchmarks.bulk_steps", step, *arguments]
    done = subprocess.run(
        command, env=environment(url), cwd=HERE, check=True, stdout=subprocess.PIPE
    )
    return json.loads(done.stdout)


if __name__ == "__main__":
    started = time.perf_counter()
    code = main(sys.argv[1:])
    print(f"({time.perf_counter() - started:.0f} s)")
    sys.exit(code)
