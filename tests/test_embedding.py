"""Embedding in a real browser: who may show Strata in a frame, and sign in there, over HTTPS.

Two servers of the same database, and a page of somebody else's around them. All of it is on
loopback, under names that are different sites to the browser.
"""

import os
import ssl
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit
from urllib.request import urlopen

import pytest
import trustme
from django.db import connection

from config.settings import BASE_DIR, PASSWORD_HASHERS
from security.services import patch_security_settings, set_security_settings
from security.settings import SecuritySettings
from tenancy.models import User
from tests.factories import BY, make_cast
from tests.test_run import find_free_port

pytestmark = pytest.mark.once

HOST = "strata.localhost"
PASSWORD = "a long passphrase"
START_SECONDS = 30


class FramingPage(BaseHTTPRequestHandler):
    """A page of somebody else's, which shows in a frame whatever its address asks for."""

    def do_GET(self):
        [url] = parse_qs(urlsplit(self.path).query).get("show", [""])
        self.send_response(200 if url else 404)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(f'<iframe src="{url}" width="900" height="700"></iframe>'.encode())

    def log_message(self, *_args):
        pass


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture(scope="module")
def certificate(authority, tmp_path_factory):
    """Return the files of a certificate of all hosts of this test, and of its key."""
    folder = tmp_path_factory.mktemp("certificate")
    issued = authority.issue_cert(HOST, "app.localhost", "evil.localhost", "127.0.0.1")
    chain, key = folder / "chain.pem", folder / "key.pem"
    chain.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(key)
    return chain, key


@pytest.fixture(scope="module")
def framing_port(certificate):
    """Serve the framing page over HTTPS, under every name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    with ThreadingHTTPServer(("127.0.0.1", 0), FramingPage) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture(scope="module")
def browser_context_args(browser_context_args):
    return browser_context_args | {"ignore_https_errors": True}


@pytest.fixture
def cast(transactional_db, settings):
    settings.PASSWORD_HASHERS = PASSWORD_HASHERS  # the servers do not know that of the tests
    cast = make_cast(domain=HOST)
    User.objects.create_superuser("ada", PASSWORD)
    return cast


@pytest.fixture
def servers(cast, certificate, authority):
    """Start two server processes on the test's database; return their addresses."""
    ports = [find_free_port(), find_free_port()]
    processes = [start_server(port, certificate) for port in ports]
    try:
        for port in ports:
            wait_until_up(port, authority)
        yield [f"https://{HOST}:{port}" for port in ports]
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()


def start_server(port, certificate):
    chain, key = certificate
    options = ["--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)]
    options += ["--ssl-certificate", str(chain), "--ssl-keyfile", str(key)]
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": f"sqlite:///{connection.settings_dict['NAME']}",
        "HTTPS": "on",
    }
    return subprocess.Popen(
        [sys.executable, "-m", "granian", *options, "config.wsgi:application"],
        cwd=BASE_DIR,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def wait_until_up(port, authority):
    context = ssl.create_default_context()
    authority.configure_trust(context)
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            with urlopen(f"https://127.0.0.1:{port}/healthz", context=context, timeout=5):
                return
        except OSError:
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.05)


def test_frame__by_the_settings__is_shown_to_the_allowed_origin_alone_at_once(
    cast, servers, framing_port, page
):
    app, evil = (f"https://{name}.localhost:{framing_port}" for name in ("app", "evil"))

    def sees(origin, server):
        """Whether a page of the origin can show the server's sign-in page in a frame."""
        page.goto(f"{origin}/?show={server}/admin/login/", wait_until="load")
        return page.frames[1].locator("input[name=username]").count() == 1

    assert [sees(app, server) for server in servers] == [False, False]

    set_security_settings(cast.instance, SecuritySettings(True, (app,)), **BY)
    assert [sees(app, server) for server in servers] == [True, True]
    assert [sees(evil, server) for server in servers] == [False, False]

    frame = page.frame_locator("iframe")
    page.goto(f"{app}/?show={servers[0]}/admin/login/")
    frame.locator("input[name=username]").fill("ada")
    frame.locator("input[name=password]").fill(PASSWORD)
    frame.locator("form:has([name=password]) button[type=submit]").click()
    frame.get_by_text("Sign out").first.wait_for(state="attached", timeout=10_000)
    cookies = {cookie["name"]: cookie for cookie in page.context.cookies(servers[0])}
    for name in ("sessionid", "csrftoken"):
        assert (cookies[name]["sameSite"], cookies[name]["secure"]) == ("None", True)

    patch_security_settings(cast.instance, {"iframe_enabled": False}, **BY)
    assert [sees(app, server) for server in servers] == [False, False]
