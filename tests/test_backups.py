"""The lines of docs/deployment.md about backups and upgrades, in a shell, on each database."""

import os
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from django.db import connection

from config.settings import BASE_DIR
from features.services import set_features
from tests.factories import BY, make_cast
from tests.postgres import find_binaries
from tests.programs import find_program
from tests.server import database_url

pytestmark = pytest.mark.django_db(transaction=True)

PAGE = (BASE_DIR / "docs/deployment.md").read_text()
LINES = "".join(re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)).splitlines()
RUN_HERE = {
    "postgresql": ["pg_dump", "pg_restore"],
    "sqlite": ["sqlite3", "rm", "cp"],
}
MIGRATE = "python manage.py migrate"
RUN_BEHIND_THE_PROXY = ["granian", "gunicorn", "export"]  # in test_proxy
RUN_WITH_THE_SETTINGS = [  # in test_settings
    "python manage.py collectstatic --no-input",
    "python manage.py compilemessages",
]


def find_lines(*programs):
    """Return the documented lines that call one of these programs, in their order."""
    return [line for line in LINES if line.partition(" ")[0] in programs]


def run_in_shell(lines, folder, url):
    """Run lines as a reader would: with the environment's programs and PostgreSQL's."""
    path = [str(Path(sys.executable).parent), os.environ["PATH"]]
    if connection.vendor == "postgresql":
        path.insert(0, str(find_binaries()))
    result = subprocess.run(
        ["sh", "-euc", "\n".join(lines)],
        cwd=folder,
        env=os.environ
        | {"PATH": os.pathsep.join(path), "DATABASE_URL": url}
        | {"DJANGO_SETTINGS_MODULE": "config.settings"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


SCRIPT = """
import django
django.setup()
from django.core.management import call_command
call_command("features_export")
call_command("features_history")
"""


def read_state(url):
    """Return what a database holds, as text, and who changed it."""
    return run_in_shell([f"python -c '{SCRIPT}'"], BASE_DIR, url)


def change(url, setting):
    line = f"python manage.py features_set organization:acme {setting} --quiet"
    run_in_shell([line], BASE_DIR, url)


@pytest.fixture
def cast():
    cast = make_cast()
    set_features(cast.acme, {"login_default_org": True}, **BY)
    return cast


@pytest.mark.once
@pytest.mark.django_db(transaction=False)
def test_docs_deployment__every_line__is_run_by_a_test():
    known = sum(RUN_HERE.values(), RUN_BEHIND_THE_PROXY)

    others = [line for line in LINES if line.partition(" ")[0] not in known]
    assert others == [MIGRATE, *RUN_WITH_THE_SETTINGS]


@pytest.mark.postgresql
def test_backup__of_postgresql__is_restored_into_an_empty_database(cast, tmp_path):
    url = database_url()
    before = read_state(url)
    backup, restore = find_lines(*RUN_HERE["postgresql"])
    empty = url.replace(f"/{connection.settings_dict['NAME']}?", "/strata_restored?")

    run_in_shell([backup], tmp_path, url)
    set_features(cast.acme, {"login_default_org": False}, **BY)
    with connection.cursor() as cursor:
        cursor.execute("CREATE DATABASE strata_restored")
    try:
        run_in_shell([restore], tmp_path, empty)
        restored = read_state(empty)
        change(empty, "actions=on")
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP DATABASE strata_restored")

    assert 'login_default_org: {"value": true}' in restored
    assert restored == before


@pytest.mark.once
def test_backup__of_sqlite_that_is_in_use__is_restored(cast, tmp_path):
    find_program("sqlite3", sentence="the test of backups needs it: apt-get install sqlite3")
    file = tmp_path / "db.sqlite3"
    with closing(sqlite3.connect(connection.settings_dict["NAME"])) as tests:
        tests.execute(f"VACUUM INTO '{file}'")
    url = f"sqlite:///{file}"
    backup, *restore = find_lines(*RUN_HERE["sqlite"])

    # A reader keeps what is changed in the WAL, where a copy of the file alone would miss it.
    with closing(sqlite3.connect(file)) as reader:
        reader.execute("PRAGMA journal_mode=WAL")
        reader.execute("SELECT count(*) FROM events_event").fetchone()
        change(url, "actions=on")
        before = read_state(url)
        run_in_shell([backup], tmp_path, url)
        change(url, "actions=off")
        shutil.copy(f"{file}-wal", tmp_path / "left.wal")
    shutil.copy(tmp_path / "left.wal", f"{file}-wal")  # as a server that was killed leaves it
    run_in_shell(restore, tmp_path, url)

    assert 'actions: {"value": true}' in before
    assert read_state(url) == before


def test_upgrade__migration__changes_nothing_that_people_made(cast):
    url = database_url()
    before = read_state(url)

    run_in_shell([MIGRATE], BASE_DIR, url)

    assert read_state(url) == before
