"""The lines of docs/security.md, in their order, against the demo data."""

import re
import shlex
from io import StringIO

import pytest
from django.core.management import call_command

from clients.services import create_client
from config.demo import make_demo
from config.settings import BASE_DIR
from security.services import read_settings
from tenancy.models import Instance
from tests.factories import BY, basic
from tests.rest import send

pytestmark = pytest.mark.django_db

PAGE = (BASE_DIR / "docs/security.md").read_text()
LINES = [
    line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()
]


def run_curl(client, words, issued):
    """Do what a curl would do."""
    verb, data, address = "", [], ""
    headers = {"host": "localhost"}
    for word in words:
        match word:
            case "-X":
                verb = next(words)
            case "-d":
                data.append(next(words))
            case "-u":
                next(words)
                headers |= basic(issued)
            case "-H":
                name, _, value = next(words).partition(": ")
                headers[name] = value
            case _:
                address = word
    verb = verb or ("POST" if data else "GET")
    form = "application/x-www-form-urlencoded"
    path = address.removeprefix("localhost:8000")
    return send(client, verb, path, "&".join(data).encode(), content_type=form, **headers)


def test_docs__lines_about_security__do_what_they_say(client):
    demo = make_demo(**BY)
    instance = Instance.objects.get(public_id="demo")
    issued = create_client(instance, "exchange", features=["access_issuer"], **BY)
    names = {
        "$OWNER": demo.tokens["iam_owner"],
        "$IMPERSONATOR": demo.tokens["iam_admin_impersonator"],
    }

    answers = []
    for line in LINES:
        filled = line
        for name, token in names.items():
            filled = filled.replace(name, token)
        words = iter(shlex.split(filled))
        if next(words) == "curl":
            answers.append(run_curl(client, words, issued))
        else:
            _manage, name, *arguments = words
            call_command(name, *arguments, stdout=StringIO(), stderr=StringIO())

    assert [answer.status_code for answer in answers] == [200] * 5, answers
    read, exchanged, introspected = (answer.json() for answer in answers[2:])
    assert read["settings"]["embeddedIframe"]["enabled"] is False
    assert exchanged["token_type"] == "Bearer"
    assert introspected["active"] is True
    assert read_settings(instance).impersonation_enabled is False
