"""Programs that tests need and a machine may lack."""

import os
import shutil

import pytest


def find_program(*names: str, sentence: str) -> str:
    """Return the path of the first of these programs that is there.

    Without any the test is skipped with the sentence, or fails with it where CI is set, so that
    nobody takes skipped for passed.
    """
    path = next(filter(None, (shutil.which(name) for name in names)), None)
    # Debian keeps servers where only root's PATH leads.
    path = path or next(
        filter(None, (shutil.which(name, path="/usr/sbin:/usr/local/sbin") for name in names)), None
    )
    if path:
        return path
    if os.environ.get("CI"):
        pytest.fail(sentence, pytrace=False)
    pytest.skip(sentence)
