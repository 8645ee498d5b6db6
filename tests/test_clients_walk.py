"""API clients in use: by a stock HTTP library and curl, at a server as it is deployed."""

import re
import shlex
import shutil
import subprocess
from io import StringIO
from pathlib import Path

import pytest
import requests
from django.core.management import call_command

from clients.models import Refusal
from events.models import Event
from tests.factories import make_cast, make_client
from tests.server import find_free_port, serve

pytestmark = pytest.mark.django_db(transaction=True)

DOCS = Path(__file__).parent.parent / "docs" / "clients.md"
DOCUMENTED_URL = "http://127.0.0.1:8000"


class Caller:
    """A client that signs in with HTTP Basic."""

    def __init__(self, url: str, client_id: str, secret: str) -> None:
        self.url = url
        self.client_id = client_id
        self.session = requests.Session()
        self.session.auth = (client_id, secret)

    def call(self, verb: str, **parameters: str):
        """Call an endpoint of /clients/ and return its answer."""
        response = self.session.post(f"{self.url}/clients/{verb}", data=parameters)
        assert response.status_code == 200
        return response.json()

    def read(self) -> int:
        """Read bob's features and return the status."""
        path = "/v2/features/user/bob?inheritance=true"
        return self.session.get(self.url + path).status_code

    def write(self) -> int:
        """Write one of bob's features and return the status."""
        path = "/v2/features/user/bob"
        return self.session.put(self.url + path, json={"actions": True}).status_code


def test_walk__two_owners_and_a_third_client__works_and_leaves_a_history():
    cast = make_cast("127.0.0.1")
    issued = make_client(cast.instance, "owner", description="first")
    port = find_free_port()
    with serve(port):
        url = f"http://127.0.0.1:{port}"
        first = Caller(url, issued.client.client_id, issued.secret)

        added = first.call("add", description="second", features='["owner"]')
        second = Caller(url, added["client_id"], added["client_secret"])
        demoted = second.call("set_features", for_client_id=first.client_id, features="[]")
        assert (demoted["stat"], first.call("list")["code"]) == ("ok", 403)

        added = second.call("add", description="third", features='["direct_read_access"]')
        third = Caller(url, added["client_id"], added["client_secret"])
        target = {"for_client_id": third.client_id}
        assert third.read() == 200
        second.call("set_whitelist", whitelist='["198.51.100.0/24"]', **target)
        assert third.read() == 403
        second.call("set_whitelist", whitelist='["127.0.0.0/8"]', **target)
        assert third.read() == 200

        new_secret = second.call("reset_secret", hours_to_live="1", **target)["new_secret"]
        rotated = Caller(url, third.client_id, new_secret)
        assert (third.read(), rotated.read(), third.write()) == (200, 200, 403)
        second.call("set_features", features='["direct_access"]', **target)
        assert (third.write(), rotated.write()) == (200, 200)

        curl = ["curl", "--silent", "--user", f"{third.client_id}:{new_secret}"]
        path = f"{url}/v2/features/user/bob?inheritance=true"
        if shutil.which("curl"):
            printed = subprocess.run([*curl, path], capture_output=True, text=True, check=True)
            assert '"actions":{"enabled":true,"source":"SOURCE_USER"}' in printed.stdout

    steps = Event.objects.exclude(actor_type="operator").order_by("id")
    assert [(event.actor_name, event.type, event.subject) for event in steps] == [
        ("first", "clients.created", second.client_id),
        ("second", "clients.features_set", first.client_id),
        ("second", "clients.created", third.client_id),
        ("second", "clients.networks_set", third.client_id),
        ("second", "clients.networks_set", third.client_id),
        ("second", "clients.secret_reset", third.client_id),
        ("second", "clients.features_set", third.client_id),
        ("third", "features.set", "actions"),
    ]
    assert list(Refusal.objects.order_by("id").values_list("reason", flat=True)) == [
        *("feature", "address", "feature")
    ]


@pytest.mark.skipif(not shutil.which("curl"), reason="the documented calls need curl")
def test_docs__each_command__does_what_it_says():
    cast = make_cast("127.0.0.1")
    owner = make_client(cast.instance, "owner")
    lines = re.findall(r"^(?:curl|\./run manage) .*$", DOCS.read_text(), re.MULTILINE)
    port = find_free_port()
    with serve(port):
        client = make_client(cast.instance).client
        variables = {
            "OWNER_ID": owner.client.client_id,
            "OWNER_SECRET": owner.secret,
            DOCUMENTED_URL: f"http://127.0.0.1:{port}",
        }
        for line in lines:
            if line.startswith("./run"):
                client = make_client(cast.instance).client
            variables["CLIENT"] = client.client_id
            run_line(line, variables)

    assert len(lines) == 24


def run_line(line: str, variables: dict[str, str]) -> None:
    """Run a documented line; fail unless it does what it is there for."""
    for name, value in variables.items():
        line = line.replace(f"${name}" if "/" not in name else name, value)
    words = shlex.split(line)
    if words[0] == "./run":
        call_command(*words[2:], stdout=StringIO(), stderr=StringIO())
        return
    answer = subprocess.run(
        [words[0], "--silent", "--fail", *words[1:]], capture_output=True, text=True, check=True
    )
    assert '"stat":"error"' not in answer.stdout, line
