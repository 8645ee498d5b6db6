"""A stock generator's client: made from the OpenAPI document, compiled, and used for real."""

import compileall
import importlib
import json
import subprocess
import sys

import pytest

from api.schema.document import make_document
from tests.factories import make_cast, token_for

NAME = "strata_generated_client"


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    """Return the folder of a generated client, in which it can be imported."""
    folder = tmp_path_factory.mktemp("client")
    (folder / "openapi.json").write_text(json.dumps(make_document()))
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none"]
    command += ["--path", "openapi.json", "--output-path", NAME]
    made = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stdout + made.stderr
    assert "WARNING parsing" not in made.stdout
    return folder


def test_python_client__generated__compiles(generated):
    assert compileall.compile_dir(generated / NAME, quiet=1)


def test_python_client__generated__makes_a_round_trip(generated, live_server, monkeypatch):
    cast = make_cast("localhost")
    monkeypatch.syspath_prepend(str(generated))
    package = importlib.import_module(NAME)
    models = importlib.import_module(f"{NAME}.models")
    change = importlib.import_module(f"{NAME}.api.features.set_user_features")
    read = importlib.import_module(f"{NAME}.api.features.get_user_features")
    changes = models.UserFeatureChanges.from_dict({"userSchema": True})

    with package.AuthenticatedClient(live_server.url, token_for(cast.root)) as client:
        change.sync("bob", client=client, body=changes)
        features = read.sync("bob", client=client, inheritance=True)
        refused = read.sync("nobody", client=client)

    assert features.user_schema.enabled is True
    assert features.user_schema.source.value == "SOURCE_USER"
    assert (refused.code.value, refused.message) == (5, "user not found")
