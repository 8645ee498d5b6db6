"""The files of the bulk commands."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO

from access.commands import Failed


@contextmanager
def open_input(path: str) -> Iterator[BinaryIO]:
    """Open a file, or stdin by way of a file, so that it can be read twice."""
    if path == "-":
        with tempfile.TemporaryFile() as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
            file.seek(0)
            yield file
        return
    try:
        opened = Path(path).open("rb")  # noqa: SIM115 - closed below; only opening may fail so
    except OSError as error:
        raise Failed(f"{path} can't be read: {error.strerror}") from error
    with opened:
        yield opened


@contextmanager
def open_output(path: str) -> Iterator[IO[str]]:
    """Open a file that is there only once it is whole. Failed where it can't be written."""
    target = Path(path)
    if target.exists() and not target.is_file():  # a device, or a pipe: nothing to replace
        with _told(path), target.open("w", encoding="utf-8") as stream:
            yield stream
        return
    part = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with _told(path):
            with part.open("w", encoding="utf-8", newline="\n") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            part.replace(target)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _told(path: str) -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise Failed(f"{path} can't be written: {error.strerror}; nothing is there") from error
