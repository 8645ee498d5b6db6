"""A server as it is deployed, on the database of the tests."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from django.db import connection

from config.settings import BASE_DIR


def database_url():
    """Return the address of the tests' database, for another program."""
    name, options = connection.settings_dict["NAME"], connection.settings_dict["OPTIONS"]
    if connection.vendor == "sqlite":
        return f"sqlite:///{name}"
    return f"postgres://strata@/{name}?host={options['host']}"


@contextmanager
def serve(port, **variables):
    """Run the server as ./run starts it, on the tests' database; kill what is left of it."""
    options = ["--host", "127.0.0.1", "--port", str(port), "--interface", "wsgi", "--workers", "2"]
    options += ["--blocking-threads", "16", "--no-ws", "--log-level", "error"]
    with serving(["granian", *options, "config.wsgi:application"], port, **variables) as process:
        yield process


@contextmanager
def serving(command, port, output=subprocess.DEVNULL, **variables):
    """Run a server of the environment's programs, on the tests' database; kill what is left."""
    settings = {"DATABASE_URL": database_url(), "DJANGO_SETTINGS_MODULE": "config.settings"}
    program, *options = command
    process = subprocess.Popen(
        [Path(sys.executable).with_name(program), *options],
        cwd=BASE_DIR,
        env=os.environ | settings | variables,
        stdout=output,
        stderr=output,
        start_new_session=True,
    )
    try:
        wait_until_ready(process, port)
        yield process
    finally:
        kill(process)


def kill(process):
    """End the server and its workers at once, in the middle of whatever they do."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_until_ready(process, port):
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as client:
            try:
                client.request("GET", "/readyz")
                if client.getresponse().status == 200:
                    return
            except OSError:
                pass
        time.sleep(0.05)
    pytest.fail("the server does not start")


def find_free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
