"""The code is as its rules say: the same checks that a developer runs."""

import subprocess
import sys

import pytest

from config.settings import BASE_DIR


@pytest.mark.once
def test_check__the_code__passes_every_check():
    result = subprocess.run(
        [sys.executable, "-m", "tests.check"],
        cwd=BASE_DIR,
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 0, result.stdout + result.stderr
