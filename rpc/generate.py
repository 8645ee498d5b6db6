"""Writes rpc/gen from rpc/proto: `python -m rpc.generate` after a change of a message.

protoc knows the files under the names that the imports have, so the generated modules find one
another. The package of each message is the one that clients know.
"""

import sys
from pathlib import Path

HERE = Path(__file__).parent
# Described, for the answers' sake, but no module: the name belongs to another package's.
DESCRIBED_ONLY = {"error_details.proto"}


def generate(folder: Path) -> None:
    """Write the modules and the descriptor set below a folder. SystemExit when protoc refuses."""
    from grpc_tools import protoc

    sources = sorted((HERE / "proto").glob("*.proto"))
    modules = [source for source in sources if source.name not in DESCRIBED_ONLY]
    include = str(Path(protoc.__file__).parent / "_proto")
    common = ["protoc", f"-Irpc/gen={HERE / 'proto'}", f"-I{include}"]
    (folder / "rpc" / "gen").mkdir(parents=True, exist_ok=True)
    descriptors = folder / "rpc" / "gen" / "descriptors.binpb"
    for options, files in (
        ([f"--python_out={folder}"], modules),
        (["--include_imports", f"--descriptor_set_out={descriptors}"], sources),
    ):
        if code := protoc.main([*common, *options, *map(str, files)]):
            sys.exit(code)


if __name__ == "__main__":
    generate(HERE.parent)
