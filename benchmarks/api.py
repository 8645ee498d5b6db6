"""Measures the management API: every list in a small and in a large database, and every detail.

    ./run bench api [--rows 1000000] [--on sqlite|postgresql] [--only WORD]

Each database is a process of its own, which takes requests through the whole application without a
network; small and large are asked in turn, and the best of the turns counts, for whatever else the
machine does only adds. On SQLite, which works in the same process, it is CPU time that counts. A
list page may cost LIST_LIMIT times as much over the large database (as a full page of that list
where the small one has less to show), and a read twice what a
constant costs behind the same middleware, host, authentication and throttling.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from benchmarks.bulk import DATABASES, HERE, environment, serve

SMALL = 1000
ROUNDS, TIMES = 6, 3
LIST_LIMIT = 1.5
NOISE = 1.0  # milliseconds by which two like pages differ on a busy machine
DETAIL_LIMIT = 2.0
CALLERS = ("root", "iam_owner", "org_owner", "most_owner", "small_owner")


@dataclass
class Database:
    """A filled database and the process that answers from it."""

    process: "subprocess.Popen[str]"
    lists: dict[str, str]
    details: dict[str, str]

    def ask(self, path: str, caller: str, times: int) -> tuple[float, int, int]:
        """Return the best milliseconds of a few requests, and the answers' status and rows."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps([path, caller, times]) + "\n")
        self.process.stdin.flush()
        best, status, rows = json.loads(self.process.stdout.readline() or "[0, 0, 0]")
        if status not in {200, 403}:
            sys.exit(f"{path} answered {status} to {caller}")
        return best, status, rows


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="./run bench api")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--on", choices=DATABASES, action="append")
    parser.add_argument("--only", default="", help="what a list or a detail has in its name")
    parser.add_argument("--details", action="store_true", help="measure no lists")
    options = parser.parse_args(arguments)
    slow = 0
    for name in options.on or DATABASES:
        with tempfile.TemporaryDirectory(prefix="strata-bench-") as folder, ExitStack() as stack:
            small, large = (
                stack.enter_context(open_database(name, folder, rows))
                for rows in (SMALL, options.rows)
            )
            if not options.details:
                slow += compare_lists(name, small, large, options)
            slow += compare_details(name, large, options.only)
    print(f"{slow} too slow" if slow else "all within their limits")
    return 1 if slow else 0


def compare_lists(name: str, small: Database, large: Database, options: Any) -> int:
    """Print each list's page over both databases; return how many are too slow over the large."""
    print(f"\n{name}: ms of a page{'':<47}{SMALL:>12,}{options.rows:>12,}{'ratio':>8}")
    slow = 0
    for caller in CALLERS:
        fullest: dict[str, tuple[int, float]] = {}  # page of each list in the small database
        for case in filter(lambda case: options.only in case, small.lists):
            paths = small.lists[case], large.lists[case]
            best, rows, status, is_slow = [float("inf")] * 2, [0, 0], 0, False
            kind, least = case.split()[0], 0.0
            for turn in range(ROUNDS):
                for at, database in enumerate((small, large)):
                    took, status, rows[at] = database.ask(paths[at], caller, TIMES if turn else 1)
                    best[at] = min(best[at], took)
                fullest[kind] = max(fullest.get(kind, (0, 0.0)), (rows[0], best[0]))
                # There may be less to show in the small one, but no page is fuller than full.
                least = best[0] if rows[0] >= rows[1] else max(best[0], fullest[kind][1])
                is_slow = best[1] > LIST_LIMIT * least + NOISE
                if status == 403 or (turn and not is_slow) or best[1] > 300:
                    break  # it is known
            if status == 403:
                continue
            slow += is_slow
            mark = "  TOO SLOW" if is_slow else ""
            numbers = f"{least:>12.2f}{best[1]:>12.2f}{best[1] / least:>8.2f}{mark}"
            print(f"{caller:<12}{case:<50}{numbers}", flush=True)
    return slow


def compare_details(name: str, database: Database, only: str) -> int:
    """Print each read beside constants; return how many cost more than DETAIL_LIMIT of one."""
    head = f"{'read':>8}{'constant':>10}{'ratio':>8}{'bare':>8}{'ratio':>8}"
    print(f"\n{name}: ms of a read{'':<25}{head}")
    slow = 0
    for case, path in database.details.items():
        if only not in case:
            continue
        best: dict[str, float] = {}
        for _ in range(ROUNDS):
            for each in (path, "/api/constant", "/api/bare"):
                took, *_ = database.ask(each, "root", TIMES * 5)
                best[each] = min(best.get(each, took), took)
        read, constant, bare = best.values()
        is_slow = read > DETAIL_LIMIT * constant
        slow += is_slow
        numbers = f"{read:>8.2f}{constant:>10.2f}{read / constant:>8.2f}{bare:>8.2f}"
        mark = "  TOO SLOW" if is_slow else ""
        print(f"{case:<40}{numbers}{read / bare:>8.2f}{mark}", flush=True)
    return slow


@contextmanager
def open_database(name: str, folder: str, rows: int) -> Iterator[Database]:
    """Fill a database and start the process that answers from it."""
    with serve(name, folder) as url:
        variables = environment(url) | {"THROTTLE_PER_MINUTE": "1000000", "LOG_LEVEL": "ERROR"}
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.api_steps", str(rows)],
            cwd=HERE,
            env=variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdin
        assert process.stdout
        try:
            yield Database(process, **json.loads(process.stdout.readline()))
        finally:
            process.stdin.close()
            process.wait(30)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
