"""Reading request bodies: JSON whatever the Content-Type says, strictly, and not without end."""

import json
from collections.abc import Mapping
from typing import IO, Any

from django.http import UnreadablePostError
from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import BaseParser

MAX_BODY = 1024 * 1024  # bytes
MAX_DEPTH = 50  # objects and lists within one another; deeper ones overflow the stack later on


BROKEN_OFF = "the body ended before its announced length"
TOO_DEEP = f"the body is nested too deeply: at most {MAX_DEPTH} levels"


class BodyTooLarge(APIException):
    """A body of more bytes than are taken."""

    status_code = 413

    def __init__(self, limit: int = MAX_BODY, message: str = "") -> None:
        super().__init__(message or f"the body is larger than {limit} bytes")


class StrictJsonParser(BaseParser):
    """One JSON object in UTF-8. A key that comes twice is an error; no body at all is ``{}``."""

    media_type = "*/*"
    max_body = MAX_BODY

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Return the object. BodyTooLarge or ParseError, which says what is wrong."""
        try:
            raw = stream.read(self.max_body + 1)
        except UnreadablePostError:
            raise ParseError(BROKEN_OFF) from None
        return parse_json_object(raw, self.max_body)


def parse_json_object(raw: bytes, max_body: int = MAX_BODY) -> dict[str, Any]:
    """Return the JSON object that a body holds. BodyTooLarge or ParseError."""
    if len(raw) > max_body:
        raise BodyTooLarge(max_body)
    if not raw.strip():
        return {}
    try:
        body = json.loads(
            raw.decode("utf-8-sig"),
            object_pairs_hook=_without_duplicates,
            parse_constant=_refuse_constant,
        )
    except UnicodeDecodeError:
        raise ParseError("the body is not UTF-8") from None
    except RecursionError:
        raise ParseError(TOO_DEEP) from None
    except json.JSONDecodeError as error:
        raise ParseError(f"the body is not JSON: {error}") from None
    except ValueError:  # Python's own limit, in Python's own words
        raise ParseError("the body holds a number of too many digits") from None
    if not isinstance(body, dict):
        raise ParseError("the body must be a JSON object")
    if _is_deeper_than(MAX_DEPTH, body):
        raise ParseError(TOO_DEEP)
    return body


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for key, value in pairs:
        if key in members:
            raise ParseError(f'the key "{key}" comes twice in one object')
        members[key] = value
    return members


def _is_deeper_than(depth: int, value: Any) -> bool:
    """Whether more than ``depth`` objects and lists lie within one another."""
    layer = [value]
    for _ in range(depth + 1):
        members = [part.values() if isinstance(part, dict) else part for part in layer]
        layer = [inner for part in members for inner in part if isinstance(inner, dict | list)]
        if not layer:
            return False
    return True


def _refuse_constant(name: str) -> Any:
    raise ParseError(f"the body is not JSON: {name} is not a JSON number")
