"""Settings: what is wrong stops the start with a sentence; what is missing is safe."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from config.environment import Environment, parse_database_url
from config.settings import BASE_DIR, configure_database

pytestmark = pytest.mark.once

KEY = "0123456789abcdefghijklmnopqrstuvwxyz-0123456789-ABCDEF"
WRONG = [
    # variables, what the sentence says
    ({"SECRET_KEY": ""}, "SECRET_KEY is missing: write a secret, made with python -c"),
    ({"SECRET_KEY": "short"}, "SECRET_KEY is wrong: it can be guessed; write at least 50"),
    ({"SECRET_KEY": "a" * 60}, "SECRET_KEY is wrong: it can be guessed"),
    ({"SECRET_KEY": f"django-insecure-{KEY}"}, "SECRET_KEY is wrong: it can be guessed"),
    ({"SECRET_KEY_FALLBACKS": f"{KEY},old"}, "SECRET_KEY_FALLBACKS is wrong: it can be guessed"),
    ({"DEBUG": "flase"}, "DEBUG is wrong: write on or off."),
    ({"HTTPS": "2"}, "HTTPS is wrong: write on or off."),
    ({"THROTTLE_PER_MINUTE": "-1"}, "THROTTLE_PER_MINUTE is wrong: write a whole number from 0"),
    ({"CORS_ALLOWED_ORIGINS": "*"}, "CORS_ALLOWED_ORIGINS is wrong: '*' is no origin"),
    ({"METRICS_NETWORKS": "office"}, "METRICS_NETWORKS is wrong: 'office' does not appear"),
    ({"HTTPS_REDIRECT": "maybe"}, "HTTPS_REDIRECT is wrong: write on or off."),
    ({"HSTS_SUBDOMAINS": "x"}, "HSTS_SUBDOMAINS is wrong: write on or off."),
    ({"HSTS_PRELOAD": "x"}, "HSTS_PRELOAD is wrong: write on or off."),
    ({"HSTS_SECONDS": "-1"}, "HSTS_SECONDS is wrong: write a whole number from 0 to 63072000."),
    ({"HSTS_SECONDS": "1h"}, "HSTS_SECONDS is wrong: write a whole number from 0 to 63072000."),
    ({"DATABASE_POOL_SIZE": "1001"}, "DATABASE_POOL_SIZE is wrong: write a whole number from 0"),
    ({"DATABASE_POOL_TIMEOUT": "0"}, "DATABASE_POOL_TIMEOUT is wrong: write a whole number from 1"),
    ({"DATABASE_URL": "db.sqlite3"}, "DATABASE_URL is wrong: it is no address of a SQLite or"),
    ({"DATABASE_URL": "mysql://u@h/n"}, "DATABASE_URL is wrong: it is no address of a SQLite or"),
    ({"DATABASE_URL": "postgres://u:p@h:port/n"}, "DATABASE_URL is wrong: it cannot be read"),
    ({"DATABASE_URL": "postgres://u:p@h:99999/n"}, "DATABASE_URL is wrong: it cannot be read"),
    ({"DATABASE_URL": "postgres://u:p@[::1/n"}, "DATABASE_URL is wrong: it cannot be read"),
    ({"DATABASE_URL": "postgres://u:p@h/"}, "DATABASE_URL is wrong: it names no database"),
    ({"DATABASE_URL": "postgres://u:p@h"}, "DATABASE_URL is wrong: it names no database"),
    ({"DATABASE_URL": "sqlite://:memory:"}, "DATABASE_URL is wrong: it names no database"),
    ({"DATABASE_URL": "sqlite:///"}, "DATABASE_URL is wrong: it names no database"),
    ({"ALLOWED_HOSTS": "https://a.example"}, "ALLOWED_HOSTS is wrong: 'https://a.example' is no"),
    ({"ALLOWED_HOSTS": "a.example:8000"}, "ALLOWED_HOSTS is wrong: 'a.example:8000' is no host"),
    ({"ALLOWED_HOSTS": "*"}, "ALLOWED_HOSTS is wrong: '*' is no host; write names"),
    ({"CSRF_TRUSTED_ORIGINS": "a.example"}, "CSRF_TRUSTED_ORIGINS is wrong: 'a.example' is no"),
    ({"TRUSTED_PROXIES": "10.0.0.300"}, "TRUSTED_PROXIES is wrong: '10.0.0.300' does not appear"),
    ({"TRUSTED_PROXIES": "10.0.0.1/8"}, "TRUSTED_PROXIES is wrong: 10.0.0.1/8 has host bits set"),
    ({"TRUSTED_PROXIES": "proxy"}, "TRUSTED_PROXIES is wrong: 'proxy' does not appear to be"),
    ({"LOG_LEVEL": "loud"}, "LOG_LEVEL is wrong: write DEBUG, INFO, WARNING, ERROR or CRITICAL."),
]


@pytest.fixture
def start(tmp_path):
    """Return a function that starts a program with these variables and no others of ours."""

    def run(*command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": os.environ["PATH"],
            # Set, so that a developer's own file does not count.
            **{name: "" for wrong, _ in WRONG for name in wrong},
            "SECRET_KEY": KEY,
            "DATABASE_URL": f"sqlite:///{tmp_path}/db.sqlite3",
            "STATIC_ROOT": str(tmp_path),
            **variables,
        }
        return subprocess.run(
            [sys.executable, *command],
            cwd=BASE_DIR,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.mark.parametrize(("variables", "sentence"), WRONG)
def test_environment__wrong_value__has_a_sentence(variables, sentence):
    environment = Environment({"SECRET_KEY": KEY} | variables)

    read_everything(environment)

    assert len(environment.errors) == 1
    assert environment.errors[0].startswith(sentence)
    assert environment.errors[0].endswith(".")
    assert KEY not in environment.errors[0]


def read_everything(environment: Environment) -> None:
    """Read each variable as config.settings does."""
    environment.secret_key("SECRET_KEY")
    environment.secret_keys("SECRET_KEY_FALLBACKS")
    for name in ("DEBUG", "HTTPS", "HTTPS_REDIRECT", "HSTS_SUBDOMAINS", "HSTS_PRELOAD"):
        environment.boolean(name, default=False)
    environment.integer("HSTS_SECONDS", default=0, minimum=0, maximum=63_072_000)
    environment.integer("DATABASE_POOL_SIZE", default=0, minimum=0, maximum=1000)
    environment.integer("DATABASE_POOL_TIMEOUT", default=2, minimum=1, maximum=60)
    environment.database("DATABASE_URL", default="sqlite:///db.sqlite3")
    environment.hosts("ALLOWED_HOSTS", default=[])
    for name in ("CSRF_TRUSTED_ORIGINS", "CORS_ALLOWED_ORIGINS"):
        environment.origins(name)
    for name in ("TRUSTED_PROXIES", "METRICS_NETWORKS"):
        environment.networks(name)
    environment.integer("THROTTLE_PER_MINUTE", default=0, minimum=0, maximum=1_000_000)
    environment.log_level("LOG_LEVEL", default="INFO")


def test_start__wrong_values__ends_with_their_sentences_and_no_traceback(start):
    result = start("manage.py", "check", SECRET_KEY="", DEBUG="flase", TRUSTED_PROXIES="proxy")

    lines = result.stderr.splitlines()
    assert result.returncode == 1
    assert lines[0] == "Strata cannot start."
    assert [line.split()[0] for line in lines[1:]] == ["SECRET_KEY", "DEBUG", "TRUSTED_PROXIES"]


def test_start__password_in_a_wrong_database_url__is_not_shown(start):
    result = start("manage.py", "check", DATABASE_URL="postgres://u:hunter2@host:port/name")

    assert result.returncode == 1
    assert "DATABASE_URL" in result.stderr
    assert "hunter2" not in result.stderr


def test_check_deploy__production__finds_nothing(start):
    collected = start("manage.py", "collectstatic", "--no-input")
    compiled = start("manage.py", "compilemessages")
    result = start("manage.py", "check", "--deploy", "--fail-level", "WARNING")

    assert collected.returncode == 0, collected.stderr
    assert compiled.returncode == 0, compiled.stderr
    assert result.returncode == 0, result.stderr


def test_check_deploy__files_not_collected__says_what_to_type(start):
    result = start("manage.py", "check", "--deploy")

    assert result.returncode == 1
    assert "(strata.E001)" in result.stderr
    assert "manage.py collectstatic" in result.stderr


def test_check__debug_behind_a_proxy__is_an_error(start):
    result = start("manage.py", "check", DEBUG="on", TRUSTED_PROXIES="10.0.0.1")

    assert result.returncode == 1
    assert "(strata.E002)" in result.stderr


@pytest.mark.parametrize("word", ["on", "ON", "true", "yes", "1"])
def test_boolean__word_for_on__is_true(word):
    assert Environment({"DEBUG": word}).boolean("DEBUG", default=False) is True


@pytest.mark.parametrize("word", ["off", "Off", "false", "no", "0"])
def test_boolean__word_for_off__is_false(word):
    assert Environment({"DEBUG": word}).boolean("DEBUG", default=True) is False


@pytest.mark.parametrize("key", [f"${KEY}", f"{KEY}#", f"{KEY}=", f"ä{KEY}"])
def test_secret_key__any_character__is_kept(key):
    environment = Environment({"SECRET_KEY": key})

    assert environment.secret_key("SECRET_KEY") == key
    assert environment.errors == []


def test_hosts__names_and_addresses__are_kept_in_lower_case():
    environment = Environment({"ALLOWED_HOSTS": "A.example, .b.example,[::1],127.0.0.1"})

    hosts = environment.hosts("ALLOWED_HOSTS", default=[])

    assert hosts == ["a.example", ".b.example", "[::1]", "127.0.0.1"]


def test_database__relative_sqlite_file__lies_beside_manage_py():
    database = configure_database(parse_database_url("sqlite:///db.sqlite3"), pool_size=20)

    assert database["NAME"] == BASE_DIR / "db.sqlite3"
    assert database["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert "pool" not in database["OPTIONS"]


def test_database__absolute_sqlite_file__stays_where_it_is():
    database = configure_database(parse_database_url("sqlite:////var/lib/s.sqlite3"), pool_size=20)

    assert database["NAME"] == Path("/var/lib/s.sqlite3")


def test_database__postgres__has_a_pool_and_keeps_the_options_of_its_address():
    url = "postgres://user:p%40ss@db.example:5433/strata?sslmode=require"

    database = configure_database(parse_database_url(url), pool_size=7, pool_timeout=3)

    assert (database["USER"], database["PASSWORD"]) == ("user", "p@ss")
    assert (database["HOST"], database["PORT"], database["NAME"]) == ("db.example", 5433, "strata")
    assert database["OPTIONS"]["sslmode"] == "require"
    assert database["OPTIONS"]["pool"]["max_size"] == 7
    assert database["OPTIONS"]["pool"]["timeout"] == 3
    assert database["CONN_MAX_AGE"] == 0


def test_settings_table__each_variable__has_a_row():
    read = {name for wrong, _ in WRONG for name in wrong} | {"STATIC_ROOT", "METRICS_TOKEN"}
    lines = (BASE_DIR / "docs" / "settings.md").read_text().splitlines()

    assert {line.split("`")[1] for line in lines if line.startswith("| `")} == read
