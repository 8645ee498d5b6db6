"""The lines of docs/feature-api.md, in order, with the statuses that the page lets one expect."""

import re
import shlex

import pytest

from config.settings import BASE_DIR
from tenancy.models import User
from tenancy.services import create_instance, create_organization, create_user
from tests.factories import token_for
from tests.rest import send

pytestmark = pytest.mark.django_db

PAGE = (BASE_DIR / "docs/feature-api.md").read_text()
LINES = [
    line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()
]


def run_curl(client, line, token):
    """Do what a line's curl would do."""
    words = iter(shlex.split(line.replace("$OWNER", token).replace("$SYSTEM", token))[1:])
    verb, body, headers, address = "GET", b"", {}, ""
    for word in words:
        match word:
            case "-X":
                verb = next(words)
            case "-d":
                body = next(words).encode()
            case "-H":
                name, _, value = next(words).partition(": ")
                headers[name] = value
            case _:
                address = word
    form = "application/x-www-form-urlencoded"
    return send(
        client, verb, address.removeprefix("localhost:8000"), body, content_type=form, **headers
    )


def test_docs__lines_of_the_feature_api__do_what_they_say(client):
    demo = create_instance("Demo", public_id="demo", domains=["testserver"])
    acme = create_organization(demo, "Acme", public_id="acme")
    create_user(acme, "bob", public_id="bob")
    token = token_for(User.objects.create_superuser("root"))

    answers = [run_curl(client, line, token) for line in LINES]

    assert len(answers) == 8
    assert {answer.status_code for answer in answers} == {200}, answers
    effective, own, written = (answer.json() for answer in answers[-3:])
    assert effective["loginDefaultOrg"] == {"enabled": True, "source": "SOURCE_INSTANCE"}
    assert own.keys() == {"details", "loginV2"}
    assert written["details"]["sequence"] == "4"
