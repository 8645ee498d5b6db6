"""Raw values: what JSON gives, None, bool, int, float, str, list or dict. Pure: no Django."""

import json
from typing import Any

from tenancy.sentences import Sentence as _

MAX_DEPTH = 32  # of lists and objects in one another
MAX_INTEGER = 2**53 - 1  # every JSON reader holds these exactly
MAX_QUOTED = 100  # characters of what was sent that a message repeats


def describe_type(raw: object) -> str:
    """Name a raw value's JSON type with its article, for messages."""
    match raw:
        case None:
            return _("null")
        case bool():
            return _("a boolean")
        case int():
            return _("an integer")
        case float():
            return _("a number")
        case str():
            return _("a string")
        case list():
            return _("a list")
        case _:
            return _("an object")


def is_a(raw: object, number: Any) -> bool:
    """Whether a raw value is such a number; JSON's booleans are none, though Python's are."""
    return isinstance(raw, number) and not isinstance(raw, bool)


def is_storable_text(text: str) -> bool:
    """Whether both databases can keep the text: no NUL, no lone surrogate."""
    return "\x00" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def is_storable(raw: Any, depth: int = 0) -> bool:
    """Whether both databases keep a raw value and give the same back, whatever is nested in it."""
    match raw:
        case str():
            return is_storable_text(raw)
        case bool() | None:
            return True
        case int() | float():
            return -MAX_INTEGER <= raw <= MAX_INTEGER
        case list():
            return depth < MAX_DEPTH and all(is_storable(member, depth + 1) for member in raw)
        case dict():
            return depth < MAX_DEPTH and all(
                isinstance(key, str) and is_storable_text(key) and is_storable(value, depth + 1)
                for key, value in raw.items()
            )
        case _:
            return False  # a date from YAML, say


def settle(raw: Any) -> Any:
    """Return a copy of a storable value in which equal numbers are written alike."""
    match raw:
        case list():
            return [settle(member) for member in raw]
        case dict():
            return {key: settle(value) for key, value in raw.items()}
        case _:
            return settle_number(raw)


def settle_number(raw: Any) -> Any:
    return int(raw) if isinstance(raw, float) and raw.is_integer() else raw


def quote(raw: object) -> str:
    """Return what was sent as a message repeats it: quoted, and not without end."""
    text = str(raw)
    return repr(text if len(text) <= MAX_QUOTED else f"{text[:MAX_QUOTED]}…")


def is_same_json(one: Any, other: Any) -> bool:
    """Whether two values are equal as JSON is: 1 and true differ, the order of keys does not."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
