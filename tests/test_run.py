"""./run itself, in a copy of this work tree that shares the installed packages."""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from config.settings import BASE_DIR

pytestmark = pytest.mark.once


def copy_to(folder: Path) -> Path:
    """Put what git knows or would add into a folder, as a fresh clone would have it."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=BASE_DIR,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listing.stdout.split("\0")):
        if (BASE_DIR / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(BASE_DIR / name, folder / name)
    return folder


@pytest.fixture
def copy(tmp_path):
    """Return a copy that nobody has used yet."""
    return copy_to(tmp_path)


@pytest.fixture(scope="module")
def used_copy(tmp_path_factory):
    """Return a copy that has its database: making one takes longer than most tests."""
    folder = copy_to(tmp_path_factory.mktemp("used"))
    run(folder, "manage", "migrate", "--verbosity", "0")
    return folder


def make_environment(**variables: str) -> dict[str, str]:
    """Return the environment of a shell that knows nothing of the tests."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", "/"),
        "STRATA_VENV": sys.prefix,
        **variables,
    }


def run(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, folder / "run", *arguments],
        env=make_environment(**variables),
        capture_output=True,
        text=True,
        check=False,
    )


def find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(process: subprocess.Popen[str], port: int, path: str) -> tuple[int, bytes]:
    """Return the status and body of a server that is starting, or no status when it ended."""
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
            try:
                connection.request("GET", path)
                response = connection.getresponse()
                return response.status, response.read()
            except OSError:
                time.sleep(0.1)
    return 0, b"null"


# A request whose body never comes; it is read before the caller is known.
STALLED = (
    b"POST /clients/add HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\n\r\n"
)


@pytest.mark.parametrize(
    ("command", "variable"),
    [([], "PORT"), (["grpc"], "GRPC_PORT")],
)
def test_run__fresh_copy__serves_until_it_is_told_to_stop(copy, command, variable):
    port = find_free_port()
    process = subprocess.Popen(
        [sys.executable, copy / "run", *command],
        env=make_environment(**{variable: str(port), "GRANIAN_WORKERS_KILL_TIMEOUT": "1"}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with socket.socket() as stalled:
        try:
            status, body = wait_for(process, port, "/readyz")
            if variable == "PORT":
                stalled.connect(("127.0.0.1", port))
                stalled.sendall(STALLED)
                wait_for(process, port, "/readyz")
        finally:
            process.send_signal(signal.SIGTERM)
            output, _ = process.communicate(timeout=30)

    assert (status, json.loads(body)) == (200, {"status": "ok"}), output
    assert "WARNING" not in output
    assert (copy / ".env.local").stat().st_mode & 0o777 == 0o600
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_run_manage__first_use__prints_the_command_alone_on_stdout(copy):
    result = run(copy, "manage", "shell", "-v", "0", "-c", "print('hello')")

    assert (result.returncode, result.stdout) == (0, "hello\n"), result.stderr
    assert (copy / "db.sqlite3").exists()


def test_run_manage_demo__twice__prints_one_document_each(used_copy):
    first, second = (run(used_copy, "manage", "demo", "--json") for _ in range(2))

    documents = [json.loads(result.stdout) for result in (first, second)]
    assert documents[0]["users"] == documents[1]["users"]
    assert documents[0]["tokens"]["iam_owner"] != documents[1]["tokens"]["iam_owner"]


def test_run_manage__failing_command__passes_its_exit_code_on(used_copy):
    result = run(used_copy, "manage", "shell", "-v", "0", "-c", "raise SystemExit(7)")

    assert result.returncode == 7, result.stderr


def test_run_manage__relative_path__is_relative_to_the_caller(used_copy, tmp_path_factory):
    caller = tmp_path_factory.mktemp("caller")
    (caller / "script.txt").write_text("text")
    command = ["manage", "shell", "-v", "0", "-c", "print(open('script.txt').read())"]

    result = subprocess.run(
        [sys.executable, used_copy / "run", *command],
        cwd=caller,
        env=make_environment(),
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.stdout == "text\n", result.stderr


def test_run__second_start__keeps_the_key(used_copy):
    first = (used_copy / ".env.local").read_text()

    run(used_copy, "manage", "check")

    assert (used_copy / ".env.local").read_text() == first


def test_run__key_in_the_environment__writes_no_settings(copy):
    result = run(copy, "manage", "check", SECRET_KEY="x" * 10 + "0123456789" * 5)

    assert result.returncode == 0, result.stderr
    assert not (copy / ".env.local").exists()


@pytest.mark.parametrize(
    ("arguments", "variables", "sentence"),
    [
        (["serve-it"], {}, "There is no `./run serve-it`; `./run --help` says what there is."),
        (["check", "x"], {}, "`./run check` takes no arguments; `./run --help` says what"),
        ([], {"PORT": "http"}, "PORT is wrong: write a port, a number from 1 to 65535."),
        (["grpc"], {"GRPC_PORT": "70000"}, "GRPC_PORT is wrong: write a port, a number"),
        (["test", "--on", "oracle"], {}, "Tests run on sqlite or postgresql, not on oracle."),
    ],
)
def test_run__wrong_arguments__says_so_in_a_sentence(arguments, variables, sentence):
    result = run(BASE_DIR, *arguments, **variables)

    assert result.returncode == 2
    assert result.stderr.startswith(sentence)
    assert result.stdout == ""


def test_run__port_in_use__says_so():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = run(BASE_DIR, PORT=str(taken.getsockname()[1]))

    assert result.returncode == 2
    assert "PORT chooses another" in result.stderr


def test_run_help__lists_every_command():
    result = run(BASE_DIR, "--help")

    assert result.returncode == 0
    for command in ("grpc", "manage", "test", "check", "bench"):
        assert f"./run {command}" in result.stdout


def test_run__two_at_once__install_once(tmp_path):
    for name in ("run", "manage.py"):
        shutil.copy(BASE_DIR / name, tmp_path / name)
    (tmp_path / "requirements.txt").write_text("")
    (tmp_path / "manage.py").write_text("print('done')")
    command = [sys.executable, tmp_path / "run", "manage"]
    environment = make_environment(STRATA_VENV=str(tmp_path / "venv"))

    processes = [
        subprocess.Popen(
            command,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    answers = [process.communicate(timeout=60) for process in processes]

    assert [out for out, _ in answers] == ["done\n", "done\n"]
    assert "".join(err for _, err in answers).count("Installing requirements.txt") == 1
