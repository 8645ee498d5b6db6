"""Problems as Connect and gRPC write them, with the same words and the same details as REST."""

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from connectrpc.code import Code
from connectrpc.errors import ConnectError
from protobuf import Message, message_from_json_value
from protobuf.wkt.google.protobuf.descriptor_pb import FileDescriptorSet

from access.problems import TYPE_PREFIX, Problem

DESCRIPTORS = Path(__file__).parent / "gen" / "descriptors.binpb"


# Clients take trailers of 8 KiB, in which a message stands quoted and, with the details, in base64.
MAX_QUOTED = 3000
MAX_VIOLATIONS = 2000  # bytes


def shorten(problem: Problem) -> Problem:
    """Return the problem as it fits into trailers: the first fields, the message's beginning."""
    violations, room = [], MAX_VIOLATIONS
    for field, description in problem.violations:
        room -= len(field.encode()) + len(description.encode()) + 8
        if room < 0:
            break
        violations.append((field, description))
    message = problem.message
    while len(quote(message, safe="")) > MAX_QUOTED:
        message = message[: len(message) * 2 // 3] + "…"
    return replace(problem, message=message, violations=tuple(violations))


def as_connect_error(problem: Problem) -> ConnectError:
    """Return the error that the transports know how to write."""
    details = [_as_message(detail) for detail in problem.details()]
    return ConnectError(Code[problem.code.name], problem.full_message, details)


def _as_message(detail: dict[str, Any]) -> Message[Any]:
    name = detail["@type"].removeprefix(TYPE_PREFIX)
    members = {key: value for key, value in detail.items() if key != "@type"}
    return message_from_json_value(find_message(name), members)


@cache
def find_message(name: str) -> type[Message[Any]]:
    """Return a message's type in the library's own form. KeyError for no message of ours."""
    registry = FileDescriptorSet.from_binary(DESCRIPTORS.read_bytes()).to_registry()
    if (found := registry.message(name)) is None:
        raise KeyError(name)
    return found.type
