"""What an allowed origin is: ``scheme://host[:port]``, checked and normalised. Pure.

An origin goes into a header that a browser trusts, so everything that is not plainly an origin is
refused with a reason, and one origin has one spelling.
"""

import ipaddress
import re
import unicodedata
from collections.abc import Sequence
from typing import Any

import idna

from tenancy.sentences import Sentence as _

MAX_ORIGINS = 100
MAX_LENGTH = 300
DEFAULT_PORTS = {"https": "443", "http": "80"}
FORBIDDEN = frozenset(";,'\"`\\<>{}|^")
LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
PORT = re.compile(r"[1-9][0-9]{0,4}")
NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
REFUSED_PARTS = (
    ("/", _("must not have a path")),
    ("?", _("must not have a query")),
    ("#", _("must not have a fragment")),
    ("@", _("must not have a user or password")),
)
LOOK_ALIKE_ALPHABETS = ("ARMENIAN ", "CHEROKEE ", "CYRILLIC ", "GREEK ", "LISU ")


class BadOrigin(ValueError):
    """A text that is no origin; the message says why and reads on after the text's name."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def parse_origins(raw: Any, field: str) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the normalised origins of a list and what is wrong with each bad entry by its path.

    ``field`` is the list's own path. Where there are problems the origins are incomplete.
    """
    if not isinstance(raw, list):
        return (), {field: _("must be a list of origins")}
    if len(raw) > MAX_ORIGINS:
        limit = _(
            "must have at most %(limit)s origins, not %(count)s", limit=MAX_ORIGINS, count=len(raw)
        )
        return (), {field: limit}
    return _parse_each(raw, field)


def _parse_each(raw: Sequence[Any], field: str) -> tuple[tuple[str, ...], dict[str, str]]:
    first_seen: dict[str, int] = {}
    problems: dict[str, str] = {}
    for index, entry in enumerate(raw):
        try:
            origin = parse_origin(entry)
        except BadOrigin as error:
            problems[f"{field}[{index}]"] = error.reason
            continue
        if origin in first_seen:
            problems[f"{field}[{index}]"] = _(
                "is the same origin as %(other)s: %(origin)s",
                other=f"{field}[{first_seen[origin]}]",
                origin=origin,
            )
        first_seen.setdefault(origin, index)
    return tuple(first_seen), problems


def parse_origin(raw: Any) -> str:
    """Return the origin in its one spelling. BadOrigin for everything else."""
    if not isinstance(raw, str):
        raise BadOrigin(_("must be a text such as https://app.example.com"))
    if len(raw) > MAX_LENGTH:
        raise BadOrigin(_("must have at most %(count)d characters", count=MAX_LENGTH))
    _refuse_characters(raw)
    scheme, separator, rest = raw.partition("://")
    scheme = scheme.lower()
    if not separator or scheme not in DEFAULT_PORTS:
        raise BadOrigin(_("must begin with https:// (or http:// for localhost)"))
    host, port = _split(rest.removesuffix("/"))
    host = _normalise_host(host)
    if scheme == "http" and not _is_loopback(host):
        raise BadOrigin(_("must begin with https://: http is for localhost and 127.0.0.0/8 only"))
    return f"{scheme}://{host}" + (f":{port}" if port and port != DEFAULT_PORTS[scheme] else "")


def _refuse_characters(text: str) -> None:
    """Refuse what could end a header or a source, and what nobody can see."""
    for character in text:
        if character.isspace() or unicodedata.category(character)[0] in "CZ":
            name = f"U+{ord(character):04X}"
            raise BadOrigin(
                _(
                    "must not contain spaces, control or invisible characters (%(name)s)",
                    name=name,
                )
            )
        if character in FORBIDDEN:
            raise BadOrigin(_("must not contain %(character)s", character=character))


def _split(rest: str) -> tuple[str, str]:
    """Return host and port; the port is empty when none is written."""
    for mark, reason in REFUSED_PARTS:
        if mark in rest:
            raise BadOrigin(reason)
    if "[" in rest or "]" in rest or rest.count(":") > 1:
        raise BadOrigin(_("must not name an IPv6 address: a policy can't"))
    host, colon, port = rest.partition(":")
    if not host:
        raise BadOrigin(_("must name a host"))
    if colon and not (PORT.fullmatch(port) and int(port) <= 65535):
        raise BadOrigin(_("must have a port from 1 to 65535"))
    return host, port


def _normalise_host(host: str) -> str:
    name = host.removeprefix("*.")
    is_wildcard = name != host
    if "*" in name:
        raise BadOrigin(_("may have * only as its whole first label, as in *.example.com"))
    name = _to_ascii(name)
    labels = name.split(".")
    if len(name) > 253 or not all(map(LABEL.fullmatch, labels)):
        raise BadOrigin(_("must name a host of letters, digits and hyphens"))
    if NUMBER.fullmatch(labels[-1]):
        # A browser reads every such name as an IPv4 address, however it is written.
        if is_wildcard or not _is_ipv4(name):
            raise BadOrigin(_("must name a host or a whole IPv4 address such as 192.0.2.1"))
    elif is_wildcard and len(labels) < 2:
        raise BadOrigin(_("must have at least two labels after *., as in *.example.com"))
    return f"*.{name}" if is_wildcard else name


def _to_ascii(name: str) -> str:
    """Return a host name in ASCII and lower case (IDNA 2008); look-alikes are refused."""
    if unicodedata.normalize("NFC", name) != unicodedata.normalize("NFKC", name):
        raise BadOrigin(_("must not contain characters that only look like others"))
    if name.isascii() and "xn--" not in name.lower():
        return name.lower()
    try:
        ascii_name = idna.encode(name, uts46=True, std3_rules=True).decode("ascii")
        labels = idna.decode(ascii_name).split(".")
    except (idna.IDNAError, UnicodeError):
        raise BadOrigin(_("must name a host of letters, digits and hyphens")) from None
    if ascii_name.count(".") != name.count(".") or any(map(_mixes_alphabets, labels)):
        raise BadOrigin(_("must not contain characters that only look like others"))
    return ascii_name


def _mixes_alphabets(label: str) -> bool:
    """Whether Latin letters stand beside letters of an alphabet that is mistaken for Latin."""
    names = [unicodedata.name(character, "") for character in label]
    return any(name.startswith("LATIN ") for name in names) and any(
        name.startswith(LOOK_ALIKE_ALPHABETS) for name in names
    )


def _is_ipv4(name: str) -> bool:
    try:
        return str(ipaddress.IPv4Address(name)) == name
    except ValueError:
        return False


def _is_loopback(host: str) -> bool:
    return host == "localhost" or (_is_ipv4(host) and ipaddress.IPv4Address(host).is_loopback)
