"""What goes wrong, as the outside is told: the form that every API's errors take.

Which exception is which problem stands in config/errors.py; each surface writes it in its own way.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

TYPE_PREFIX = "type.googleapis.com/"


class Code(IntEnum):
    """The gRPC status codes in use (https://grpc.io/docs/guides/status-codes/)."""

    INVALID_ARGUMENT = 3
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    UNAUTHENTICATED = 16


@dataclass(frozen=True)
class Problem:
    """What an exception says to the outside. ``id`` is the reference's error id, where it has one.

    ``violations`` are pairs of a field, spelt as in the request, and what is wrong with it;
    ``headers`` tell a client how to go on.
    """

    code: Code
    status: int
    message: str
    id: str = ""
    violations: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def full_message(self) -> str:
        """The message with the id, as the reference writes both."""
        return f"{self.message} ({self.id})" if self.id else self.message

    def details(self) -> list[dict[str, Any]]:
        """Return what a program can read of the error: each a message in protobuf's JSON form."""
        details: list[dict[str, Any]] = []
        if self.id:
            details.append(
                {
                    "@type": f"{TYPE_PREFIX}zitadel.v1.ErrorDetail",
                    "id": self.id,
                    "message": self.message,
                }
            )
        if self.violations:
            violations = [
                {"field": field, "description": description}
                for field, description in self.violations
            ]
            details.append(
                {"@type": f"{TYPE_PREFIX}google.rpc.BadRequest", "fieldViolations": violations}
            )
        return details
