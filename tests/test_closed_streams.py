"""Commands whose caller has closed what they read from, or write to."""

import os
import shlex
import subprocess
import sys

import pytest

from config.settings import BASE_DIR
from tests.admin_forms import own
from tests.factories import make_cast
from tests.server import database_url

pytestmark = pytest.mark.django_db(transaction=True)


def shell(line):
    """Return how a command line ended, and what it said on stderr."""
    settings = {"DATABASE_URL": database_url(), "DJANGO_SETTINGS_MODULE": "config.settings"}
    done = subprocess.run(
        f"{shlex.quote(sys.executable)} manage.py {line}",
        shell=True,
        cwd=BASE_DIR,
        env=os.environ | settings,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


def test_change__stdout_closed__is_made_and_not_called_a_failure():
    cast = make_cast()

    code, said = shell("features_set user:bob actions=on --json >&-")

    assert (code, said) == (0, "")
    assert own(cast.bob) == {"actions": True}


def test_bulk__stdin_closed__has_an_empty_input():
    code, said = shell("features_bulk - --dry-run <&-")

    assert code == 1
    assert "the input is empty" in said
