"""Stock generators' clients: made from the OpenAPI document, compiled, and used for real."""

import compileall
import importlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from api.schema.document import make_document
from tests.factories import make_cast, token_for
from tests.rpc_callers import install_clients

pytestmark = pytest.mark.once  # a client sees JSON, which is the same from both databases

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


def test_typescript_client__generated__compiles_and_makes_a_round_trip(
    generated, live_server, tmp_path
):
    cast = make_cast("localhost")
    folder = Path(install_clients())
    shutil.copy(folder / "round_trip.ts", tmp_path)
    (tmp_path / "node_modules").symlink_to(folder / "node_modules")
    (tmp_path / "package.json").write_text('{"type": "module"}')
    # Node's own types are not among the packages: this is all that the program uses of them.
    (tmp_path / "node.d.ts").write_text("declare const process: { argv: string[] };\n")
    programs = folder / "node_modules/.bin"

    run([programs / "openapi-typescript", generated / "openapi.json", "-o", "schema.ts"], tmp_path)
    options = ["--strict", "--target", "es2022", "--module", "nodenext", "--lib", "es2022,dom"]
    run([programs / "tsc", *options, "round_trip.ts", "node.d.ts"], tmp_path)
    command = ["node", "round_trip.js", live_server.url, token_for(cast.root)]
    said = json.loads(run(command, tmp_path))

    assert said == {"feature": True, "source": "SOURCE_USER", "code": 5}


def run(command, folder):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
