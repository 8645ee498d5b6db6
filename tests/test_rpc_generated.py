"""The generated modules are those of the messages in rpc/proto."""

from pathlib import Path

import pytest

from config.settings import BASE_DIR
from features.catalogue import BUILTINS
from rpc.gen import feature_service_v2_pb2, feature_service_v2beta_pb2
from rpc.generate import generate

pytestmark = pytest.mark.once


def read_generated(folder: Path) -> dict[str, bytes]:
    files = (folder / "rpc" / "gen").iterdir()
    return {file.name: file.read_bytes() for file in files if file.suffix in {".py", ".binpb"}}


def test_generate__again__gives_what_is_checked_in(tmp_path):
    generate(tmp_path)

    written = {
        name: text for name, text in read_generated(BASE_DIR).items() if name != "__init__.py"
    }
    assert read_generated(tmp_path) == written


@pytest.mark.parametrize(
    ("module", "system_ends", "instance_ends"),
    [(feature_service_v2_pb2, 13, 16), (feature_service_v2beta_pb2, 8, 10)],
)
@pytest.mark.parametrize("level", ["system", "instance"])
def test_messages__built_in_features__have_the_catalogues_numbers(
    module, system_ends, instance_ends, level
):
    name, last = level.capitalize(), {"system": system_ends, "instance": instance_ends}[level]
    numbers = {builtin.key: getattr(builtin, level) for builtin in BUILTINS}
    expected = {key: number for key, number in numbers.items() if number and number <= last}

    requested = getattr(module, f"Set{name}FeaturesRequest").DESCRIPTOR.fields
    answered = getattr(module, f"Get{name}FeaturesResponse").DESCRIPTOR.fields

    assert {f.name: f.number for f in requested} == expected | {"features": 1000}
    assert {f.name: f.number for f in answered} == {
        "details": 1,
        **{key: number + 1 for key, number in expected.items()},
        "features": 1000,
    }
    assert all(f.has_presence or f.is_repeated for f in requested)
