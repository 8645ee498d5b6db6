"""Two servers on PostgreSQL behind nginx, started and configured as docs/deployment.md says."""

import http.client
import json
import re
import shlex
import socket
import ssl
import subprocess
import time
from contextlib import ExitStack, closing

import grpc
import pytest
import trustme

from access.permissions import Role
from config.settings import BASE_DIR
from events.models import Event
from rpc.gen import feature_service_v2_pb2
from security.headers import page_headers
from security.settings import SecuritySettings
from tenancy.models import User
from tenancy.services import create_instance
from tests.factories import make_cast, make_holder, token_for
from tests.programs import find_program
from tests.rpc_callers import native
from tests.server import find_free_port, kill, serving

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]

PAGE = (BASE_DIR / "docs/deployment.md").read_text()
NGINX = re.findall(r"```nginx\n(.*?)```", PAGE, re.DOTALL)
LINES = [
    line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.split("\n")
]
PROXY = "127.0.0.2"  # the proxy's own address: the callers here have another
INHERITED = feature_service_v2_pb2.GetInstanceFeaturesRequest(inheritance=True).SerializeToString()
HOST, OTHER_HOST = "main.example", "shop.example"
FEATURES = "/v2/features/instance"
EFFECTIVE = f"{FEATURES}?inheritance=true"

# Around what is documented: a foreground process that writes nowhere but into its folder.
FRAME = """
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    proxy_bind {proxy}; grpc_bind {proxy};
    {documented}
}}
"""


def find_line(start):
    """Return the words of the documented command that begins so."""
    [line] = [line for line in LINES if line.startswith(start)]
    return shlex.split(line)


def substitute(text, replacements):
    """Put other words in their places; what is not there is an error."""
    for old, new in replacements.items():
        assert old in text, f"docs/deployment.md has no {old!r}"
        text = text.replace(old, new)
    return text


class Site:
    """The proxy, and what stands behind it."""

    def __init__(self, folder):
        self.folder = folder
        names = ("plain", "tls", "first", "second", "grpc", "dead")
        self.ports = {name: find_free_port() for name in names}
        self.servers = {}
        self.authority = trustme.CA()

    def start(self, stack):
        """Start what is documented, but with other addresses, one worker each, and less patience.

        Of the two listeners for gRPC only the second is there.
        """
        variables = dict(
            pair.split("=") for pair in find_line("export TRUSTED_PROXIES=10.0.0.5")[1:]
        )
        assert set(variables.values()) == {"10.0.0.5"}
        variables = dict.fromkeys(variables, PROXY) | {"HTTPS": "on"}
        for name, start, address in [
            ("first", "granian", "8000"),
            ("second", "granian", "8000"),
            ("grpc", "gunicorn", ":8001"),
        ]:
            replacements = {"10.0.0.7": "127.0.0.1", "--workers 2": "--workers 1"}
            replacements |= {address: address.replace("8001", "{0}").replace("8000", "{0}")}
            line = substitute(shlex.join(find_line(start)), replacements)
            log = stack.enter_context((self.folder / name).open("wb"))
            self.servers[name] = stack.enter_context(
                serving(
                    shlex.split(line.format(self.ports[name])), self.ports[name], log, **variables
                )
            )
        self._start_nginx(stack)

    def _start_nginx(self, stack):
        issued = self.authority.issue_cert(HOST, OTHER_HOST, "third.example")
        certificate, key = self.folder / "certificate.pem", self.folder / "key.pem"
        certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        issued.private_key_pem.write_to_path(key)
        [documented] = NGINX
        documented = substitute(
            documented,
            {
                "listen 80;": f"listen 127.0.0.1:{self.ports['plain']};",
                "listen 443 ssl": f"listen 127.0.0.1:{self.ports['tls']} ssl",
                "/etc/strata/certificate.pem": str(certificate),
                "/etc/strata/key.pem": str(key),
                "10.0.0.7:8000": f"127.0.0.1:{self.ports['first']}",
                "10.0.0.8:8000": f"127.0.0.1:{self.ports['second']}",
                "10.0.0.7:8001": f"127.0.0.1:{self.ports['dead']}",
                "10.0.0.8:8001": f"127.0.0.1:{self.ports['grpc']}",
                "client_body_timeout 10s": "client_body_timeout 1s",
            },
        )
        file = self.folder / "nginx.conf"
        file.write_text(FRAME.format(folder=self.folder, proxy=PROXY, documented=documented))
        sentence = "the test of the servers behind a proxy needs it: apt-get install nginx"
        command = [find_program("nginx", sentence=sentence), "-p", self.folder, "-c", file]
        command += ["-e", self.folder / "error.log"]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)
        stack.callback(kill, process)
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.ports["tls"])) == 0:
                    return
            time.sleep(0.05)
        pytest.fail((self.folder / "error.log").read_text())

    def connect(self, host=HOST):
        """Open a connection over TLS, whose certificate is checked."""
        context = ssl.create_default_context()
        self.authority.configure_trust(context)
        raw = socket.create_connection(("127.0.0.1", self.ports["tls"]), timeout=30)
        connection = http.client.HTTPConnection(host, self.ports["tls"])
        connection.sock = context.wrap_socket(raw, server_hostname=host)
        return connection

    def ask(self, method, path, body=None, token=None, host=HOST, **headers):
        """Return the status, headers and body of an answer."""
        headers |= {"Authorization": f"Bearer {token}"} if token else {}
        with closing(self.connect(host)) as connection:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return response.status, response.headers, response.read()


@pytest.fixture(scope="module")
def site(django_db_setup, django_db_blocker, tmp_path_factory):
    with ExitStack() as stack:
        stack.enter_context(django_db_blocker.unblock())
        site = Site(tmp_path_factory.mktemp("site"))
        site.start(stack)
        yield site


@pytest.fixture
def token():
    cast = make_cast(HOST)
    create_instance("Shop", public_id="shop", domains=[OTHER_HOST])
    return token_for(make_holder(Role.IAM_OWNER, cast.instance))


def test_proxy__change__is_made_by_whom_and_where_it_came_from(site, token):
    forged = {"X-Forwarded-For": "198.51.100.7", "X-Forwarded-Proto": "http"}

    status, _, body = site.ask("PUT", FEATURES, '{"actions": false}', token, **forged)

    assert (status, json.loads(body)["details"]["resourceOwner"]) == (200, "main")
    assert Event.objects.filter(subject="actions").get().address == "127.0.0.1"


def test_proxy__host__is_the_one_that_was_asked_for(site, token):
    own, other, unknown = (
        site.ask("GET", EFFECTIVE, token=token, host=host)[0]
        for host in (HOST, OTHER_HOST, "third.example")
    )

    assert (own, other, unknown) == (200, 403, 404)


def test_proxy__plain_http__is_sent_to_https(site):
    with closing(http.client.HTTPConnection("127.0.0.1", site.ports["plain"])) as connection:
        connection.request("GET", "/admin/", headers={"Host": HOST})
        response = connection.getresponse()

    assert (response.status, response.headers["Location"]) == (301, f"https://{HOST}/admin/")


def test_server__request_past_the_proxy__may_not_say_that_it_came_over_https(site, token):
    port = site.ports["first"]
    with closing(http.client.HTTPConnection("127.0.0.1", port)) as connection:
        connection.request("GET", "/admin/", headers={"Host": HOST, "X-Forwarded-Proto": "https"})
        response = connection.getresponse()

    assert (response.status, response.headers["Location"]) == (301, f"https://{HOST}/admin/")


def test_proxy__page__has_the_headers_of_the_strict_policy(site, token):
    status, headers, _ = site.ask("GET", "/admin/login/")

    assert status == 200
    for name, value in page_headers(SecuritySettings()).items():
        assert headers.get_all(name) == [value]
    assert headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains; preload"
    assert "; Secure" in headers["Set-Cookie"]


def test_proxy__sign_in__gets_into_the_admin(site, token, settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]
    User.objects.create_superuser("ada", "a long passphrase")
    _, headers, page = site.ask("GET", "/admin/login/")
    cookie = headers["Set-Cookie"].partition(";")[0]
    hidden = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page.decode())[0]
    origin = f"https://{HOST}:{site.ports['tls']}"

    form = f"csrfmiddlewaretoken={hidden}&username=ada&password=a+long+passphrase&next=/admin/"
    given = {"Cookie": cookie, "Origin": origin, "Referer": f"{origin}/admin/login/"}
    given |= {"Content-Type": "application/x-www-form-urlencoded"}
    status, headers, _ = site.ask("POST", "/admin/login/", form, **given)

    assert (status, headers["Location"]) == (302, "/admin/")


def test_proxy__grpc__reaches_its_listener_with_host_and_address(site, token):
    service = feature_service_v2_pb2.DESCRIPTOR.services_by_name["FeatureService"]
    credentials = grpc.ssl_channel_credentials(site.authority.cert_pem.bytes())
    options = [("grpc.ssl_target_name_override", HOST), ("grpc.default_authority", HOST)]
    metadata = {"authorization": f"Bearer {token}", "x-forwarded-for": "198.51.100.7"}

    with grpc.secure_channel(f"127.0.0.1:{site.ports['tls']}", credentials, options) as channel:
        call = native(channel)
        made = call(
            service.methods_by_name["SetInstanceFeatures"], {"loginDefaultOrg": True}, metadata
        )
        missing = call(service.methods_by_name["GetInstanceFeatures"], {}, {})

    assert (made.code, made.answer["details"]["resourceOwner"]) == (0, "main")
    assert Event.objects.filter(subject="login_default_org").get().address == "127.0.0.1"
    assert (missing.code, missing.message) == (16, "auth header missing")


@pytest.mark.parametrize(
    ("form", "body"),
    [
        ("application/json", b'{"inheritance": true}'),
        ("application/grpc-web+proto", b"\0\0\0\0" + bytes([len(INHERITED)]) + INHERITED),
    ],
)
def test_proxy__connect_and_grpc_web__reach_the_http_servers(site, token, form, body):
    path = "/zitadel.feature.v2.FeatureService/GetInstanceFeatures"

    status, headers, answer = site.ask("POST", path, body, token, **{"Content-Type": form})

    assert (status, headers["Content-Type"]) == (200, form)
    assert b"main" in answer


@pytest.mark.parametrize(
    ("size", "form"), [(3_000_000, "application/json"), (6_000_000, "text/html")]
)
def test_proxy__body_too_large__is_refused_by_the_server_or_before_it(site, token, size, form):
    body = json.dumps({"text": "x" * size})

    status, headers, _ = site.ask("PUT", FEATURES, body, token)

    assert (status, headers.get_content_type()) == (413, form)


def test_proxy__body_that_does_not_come__is_cut_off_before_a_server_hears_of_it(site, token):
    with closing(site.connect()) as connection:
        connection.putrequest("POST", "/clients/slow")
        connection.putheader("Content-Length", "100")
        connection.endheaders(b"client_id=")
        with pytest.raises(http.client.RemoteDisconnected):
            connection.getresponse()

    heard = (site.folder / "first").read_bytes() + (site.folder / "second").read_bytes()
    assert b"/clients/slow" not in heard


def test_proxy__metrics__are_not_for_the_outside(site):
    assert site.ask("GET", "/metrics")[0] == 404


def test_proxy__server_killed__the_other_answers_everything(site, token):
    for _ in range(4):
        site.ask("GET", EFFECTIVE, token=token)
    both = [(site.folder / name).read_text().count(FEATURES) for name in ("first", "second")]
    kill(site.servers["first"])

    reads = [site.ask("GET", EFFECTIVE, token=token)[0] for _ in range(5)]
    writes = [
        site.ask("POST", "/api/v1/organizations", json.dumps({"name": f"new {n}"}), token)[0]
        for n in range(5)
    ]

    assert min(both) > 0, "only one server was asked"
    assert (reads, writes) == ([200] * 5, [201] * 5)
