"""The pages about concepts and APIs: every line of curl runs, every link and command exists."""

import json
import os
import re
import subprocess

import pytest
from django.core.management import get_commands

from config.settings import BASE_DIR
from features.catalogue import BUILTINS
from tests.factories import make_cast, token_for

PAGES = ["concepts.md", "apis.md", "deployment.md", "migrating.md"]
APIS = (BASE_DIR / "docs/apis.md").read_text()
LINES = [
    line for block in re.findall(r"```sh\n(.*?)```", APIS, re.DOTALL) for line in block.splitlines()
]


def test_docs_apis__each_line_of_curl__succeeds(live_server):
    cast = make_cast("localhost")
    environment = os.environ | {
        "URL": live_server.url,
        "TOKEN": token_for(cast.root),
        "USER_ID": "bob",
    }

    for line in LINES:
        done = subprocess.run(
            line, shell=True, env=environment, capture_output=True, text=True, check=False
        )

        assert done.returncode == 0, (line, done.stderr)
        assert done.stdout.startswith("{"), line
        if '/plans"' in line:
            environment["PLAN"] = json.loads(done.stdout)["id"]


@pytest.mark.once
@pytest.mark.parametrize("name", PAGES)
def test_docs__what_they_name__exists(name):
    text = (BASE_DIR / "docs" / name).read_text()
    commands = set(re.findall(r"`((?:features|tenants|clients)_[a-z]+)", text))

    for file in re.findall(r"docs/[a-z]+\.md", text):
        assert (BASE_DIR / file).exists(), file
    for picture in re.findall(r"\]\(([a-z]+\.svg)\)", text):
        assert (BASE_DIR / "docs" / picture).exists()
    assert commands <= get_commands().keys()


@pytest.mark.once
def test_docs_concepts__the_number_of_built_in_features__is_right():
    assert len(BUILTINS) == 16
    assert "Sixteen are built in" in (BASE_DIR / "docs/concepts.md").read_text()
