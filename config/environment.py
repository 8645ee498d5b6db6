"""Reads settings from environment variables, and collects a sentence for each that is wrong.

django-environ takes any word but "true" and its like for False, and follows a value that begins
with "$" to another variable. But a misspelt switch must not turn a protection off, and a random key
may begin with any character, so all but the address of the database is parsed here.
"""

import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import environ

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
T = TypeVar("T")

ON = {"on", "true", "yes", "1"}
OFF = {"off", "false", "no", "0"}
HOST_PATTERN = re.compile(r"\.?[a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\]")
KEY_MIN_LENGTH = 50  # what Django's own check asks for
HOW_TO_MAKE_A_KEY = "python -c 'import secrets; print(secrets.token_urlsafe(50))'"


class Environment:
    """The settings as text, with a method for each kind of value.

    `errors` has a sentence for each wrong one.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        self.variables = variables
        self.errors: list[str] = []

    def boolean(self, name: str, *, default: bool) -> bool:
        def parse(text: str) -> bool:
            if text.lower() not in ON | OFF:
                raise ValueError("write on or off")
            return text.lower() in ON

        return self._read(name, parse, default)

    def integer(self, name: str, *, default: int, minimum: int, maximum: int) -> int:
        def parse(text: str) -> int:
            if not re.fullmatch(r"[0-9]{1,9}", text) or not minimum <= int(text) <= maximum:
                raise ValueError(f"write a whole number from {minimum} to {maximum}")
            return int(text)

        return self._read(name, parse, default)

    def text(self, name: str, *, default: str) -> str:
        return self.variables.get(name, default).strip()

    def log_level(self, name: str, *, default: str) -> str:
        def parse(text: str) -> str:
            level = text.upper()
            if level not in {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"}:
                raise ValueError("write DEBUG, INFO, WARNING, ERROR or CRITICAL")
            return level

        return self._read(name, parse, default)

    def hosts(self, name: str, *, default: list[str]) -> list[str]:
        def parse(text: str) -> list[str]:
            hosts = [host.lower() for host in split(text)]
            for host in hosts:
                if not HOST_PATTERN.fullmatch(host):
                    raise ValueError(
                        f"{host!r} is no host; write names without scheme and port, by commas "
                        "(strata.example.com, .example.com for every name below it)"
                    )
            return hosts

        return self._read(name, parse, default)

    def origins(self, name: str) -> list[str]:
        def parse(text: str) -> list[str]:
            for origin in split(text):
                if not re.fullmatch(r"https?://[^/?#\s]+", origin):
                    raise ValueError(f"{origin!r} is no origin; write https://strata.example.com")
            return split(text)

        return self._read(name, parse, [])

    def networks(self, name: str, *, default: str = "") -> list[Network]:
        def parse(text: str) -> list[Network]:
            try:
                return [ipaddress.ip_network(part) for part in split(text)]
            except ValueError as error:
                raise ValueError(
                    f"{error}; write addresses or networks, parted by commas "
                    "(10.0.0.5, 10.1.0.0/16, fd00::/8)"
                ) from None

        return self._read(name, parse, parse(default))

    def secret_key(self, name: str) -> str:
        """Return the key. It has no default: a key that everybody knows protects nothing."""
        if not self.variables.get(name, ""):
            self.errors.append(f"{name} is missing: write a secret, made with {HOW_TO_MAKE_A_KEY}.")
            return ""
        return self._read(name, check_key, "")

    def secret_keys(self, name: str) -> list[str]:
        return self._read(name, lambda text: [check_key(key) for key in split(text)], [])

    def database(self, name: str, *, default: str) -> dict[str, Any]:
        return self._read(name, parse_database_url, parse_database_url(default))

    def _read(self, name: str, parse: Callable[[str], T], default: T) -> T:
        text = self.variables.get(name, "").strip()
        if not text:
            return default
        try:
            return parse(text)
        except ValueError as error:
            self.errors.append(f"{name} is wrong: {error}.")
            return default

    def stop_if_wrong(self) -> None:
        """Leave the program with the sentences on standard error, when there are any."""
        if self.errors:
            # Not ImproperlyConfigured, for which the servers and Django print a traceback.
            raise SystemExit("\n".join(["Strata cannot start.", *self.errors]))


def split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def check_key(key: str) -> str:
    """Return the key, or refuse one that can be guessed. The message never holds the key."""
    if len(key) < KEY_MIN_LENGTH or len(set(key)) < 5 or key.startswith("django-insecure-"):
        raise ValueError(
            f"it can be guessed; write at least {KEY_MIN_LENGTH} random characters, "
            f"made with {HOW_TO_MAKE_A_KEY}"
        )
    return key


def parse_database_url(url: str) -> dict[str, Any]:
    """Return Django's description of a SQLite or PostgreSQL database.

    A message never holds the URL, which may hold a password.
    """
    advice = "write sqlite:///db.sqlite3 or postgres://user:password@host:5432/name"
    scheme = url.partition("://")[0]
    if scheme not in {"sqlite", "postgres", "postgresql"}:
        raise ValueError(f"it is no address of a SQLite or PostgreSQL database; {advice}")
    try:
        if scheme != "sqlite":
            _ = urlsplit(url).port  # refuses what is no number, or too large
        database: dict[str, Any] = environ.Env.db_url_config(url)
    except (ValueError, KeyError):
        raise ValueError(
            f"it cannot be read; {advice} (%-encode special characters of the password)"
        ) from None
    if database["NAME"] in {"", ":memory:"}:
        raise ValueError(f"it names no database; {advice}")
    return database


def read_variables(file: Path) -> dict[str, str]:
    """Return the process's environment, over what `file` says, if it exists."""
    if file.exists():
        environ.Env.read_env(file)
    return dict(os.environ)
