"""The kinds of feature values. Each parses and checks a raw value, strictly. Pure: no Django.

A raw value is what JSON gives: None, bool, int, float, str, list or dict. A kind never guesses:
``"true"`` is no boolean, ``1.0`` no integer. What `parse` returns is the one stored form of a
value, so that equal values compare equal.
"""

import json
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, ClassVar
from urllib.parse import urlsplit

import jsonschema
from referencing import Registry

Problem = tuple[str, str]  # a path below the value ("", ".baseUri" or "[0]") and what is wrong

MAX_TEXT = 10_000
MAX_INTEGER = 2**53 - 1  # every JSON reader holds these exactly


class InvalidValue(ValueError):
    """A raw value that its kind refuses; ``problems`` names every fault, not only the first."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__(
            "; ".join(f"{path}: {reason}" if path else reason for path, reason in problems)
        )
        self.problems = problems


class InvalidKind(ValueError):
    """Options that do not make a kind: an unknown kind, a bad schema, an empty list of choices."""


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """Return ``; did you mean "x"?`` for the nearest known name, or the empty text."""
    nearest = get_close_matches(name, known, n=1, cutoff=0.6)
    return f'; did you mean "{nearest[0]}"?' if nearest else ""


def describe_type(raw: object) -> str:
    """Name a raw value's JSON type with its article, for messages."""
    match raw:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int():
            return "an integer"
        case float():
            return "a number"
        case str():
            return "a string"
        case list():
            return "a list"
        case _:
            return "an object"


class Kind(ABC):
    """The type of a feature's value."""

    name: ClassVar[str]

    @abstractmethod
    def parse(self, raw: Any) -> Any:
        """Return the stored form of ``raw`` or raise InvalidValue."""

    def parse_text(self, text: str) -> Any:
        """Return the stored form of a value written in a shell or a table cell: JSON."""
        try:
            raw = json.loads(text)
        except ValueError:
            raise InvalidValue(("", f"is not JSON: {text!r}")) from None
        return self.parse(raw)

    def options(self) -> dict[str, Any]:
        """What `make_kind` needs to build this kind again."""
        return {}


@dataclass(frozen=True)
class Boolean(Kind):
    """True or false."""

    name: ClassVar[str] = "boolean"

    def parse(self, raw: Any) -> bool:
        if not isinstance(raw, bool):
            raise InvalidValue(("", f"must be true or false, not {describe_type(raw)}"))
        return raw

    def parse_text(self, text: str) -> bool:
        """Take on, off, true and false in any case."""
        try:
            return {"on": True, "true": True, "off": False, "false": False}[text.strip().lower()]
        except KeyError:
            raise InvalidValue(("", f"must be on or off, not {text!r}")) from None


@dataclass(frozen=True)
class Integer(Kind):
    """A whole number within ±(2**53 - 1), optionally within narrower bounds."""

    name: ClassVar[str] = "integer"
    minimum: int = -MAX_INTEGER
    maximum: int = MAX_INTEGER

    def parse(self, raw: Any) -> int:
        if isinstance(raw, bool) or not isinstance(raw, int):
            raise InvalidValue(("", f"must be an integer, not {describe_type(raw)}"))
        if not self.minimum <= raw <= self.maximum:
            raise InvalidValue(("", f"must be between {self.minimum} and {self.maximum}"))
        return raw

    def options(self) -> dict[str, Any]:
        return _without_defaults(self)


@dataclass(frozen=True)
class Number(Kind):
    """A finite number. Integers are taken, and stay integers."""

    name: ClassVar[str] = "number"
    minimum: float | None = None
    maximum: float | None = None

    def parse(self, raw: Any) -> int | float:
        if isinstance(raw, bool) or not isinstance(raw, int | float):
            raise InvalidValue(("", f"must be a number, not {describe_type(raw)}"))
        if (isinstance(raw, int) and abs(raw) > MAX_INTEGER) or not math.isfinite(raw):
            raise InvalidValue(("", "must be a finite number that JSON holds exactly"))
        if self.minimum is not None and raw < self.minimum:
            raise InvalidValue(("", f"must be at least {self.minimum}"))
        if self.maximum is not None and raw > self.maximum:
            raise InvalidValue(("", f"must be at most {self.maximum}"))
        return int(raw) if isinstance(raw, float) and raw.is_integer() else raw

    def options(self) -> dict[str, Any]:
        return _without_defaults(self)


class _TextKind(Kind):
    """A kind whose value is one text; in a shell it is written plainly or as a JSON string."""

    def parse_text(self, text: str) -> Any:
        return super().parse_text(text) if text.startswith('"') else self.parse(text)


@dataclass(frozen=True)
class String(_TextKind):
    """A text of at most ``max_length`` characters, without NUL and lone surrogates."""

    name: ClassVar[str] = "string"
    max_length: int = MAX_TEXT

    def parse(self, raw: Any) -> str:
        if not isinstance(raw, str):
            raise InvalidValue(("", f"must be a string, not {describe_type(raw)}"))
        if len(raw) > self.max_length:
            raise InvalidValue(("", f"must have at most {self.max_length} characters"))
        if not is_storable_text(raw):
            raise InvalidValue(("", "must not contain NUL or a lone surrogate"))
        return raw

    def options(self) -> dict[str, Any]:
        return _without_defaults(self)


@dataclass(frozen=True)
class Choice(_TextKind):
    """One of a list of names."""

    name: ClassVar[str] = "choice"
    choices: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_choices(self.choices)

    def parse(self, raw: Any) -> str:
        if not isinstance(raw, str):
            raise InvalidValue(
                ("", f"must be one of {', '.join(self.choices)}, not {describe_type(raw)}")
            )
        if raw not in self.choices:
            raise InvalidValue(("", _unknown_choice(raw, self.choices)))
        return raw

    def options(self) -> dict[str, Any]:
        return {"choices": list(self.choices)}


@dataclass(frozen=True)
class ChoiceSet(Kind):
    """Unique names out of a list; their order is part of the value.

    ``numbers`` are the names' protobuf enum numbers, by which JSON may name them as well.
    """

    name: ClassVar[str] = "choice_set"
    choices: tuple[str, ...] = ()
    numbers: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_choices(self.choices)

    def parse(self, raw: Any) -> list[str]:
        if not isinstance(raw, list):
            raise InvalidValue(("", f"must be a list of names, not {describe_type(raw)}"))
        by_number = {number: name for name, number in self.numbers.items()}
        names: list[str] = []
        problems: list[Problem] = []
        for position, member in enumerate(raw):
            is_number = isinstance(member, int) and not isinstance(member, bool)
            name = by_number.get(member) if is_number else member
            if not isinstance(member, str) and not is_number:
                problems.append((f"[{position}]", f"must be a name, not {describe_type(member)}"))
            elif name not in self.choices:
                problems.append((f"[{position}]", _unknown_choice(str(member), self.choices)))
            elif name in names:
                problems.append((f"[{position}]", f"{name} is listed twice"))
            else:
                names.append(name)
        if problems:
            raise InvalidValue(*problems)
        return names

    def options(self) -> dict[str, Any]:
        numbers = {"numbers": dict(self.numbers)} if self.numbers else {}
        return {"choices": list(self.choices), **numbers}


@dataclass(frozen=True)
class Object(Kind):
    """An object that its JSON Schema (draft 2020-12) accepts, taken and replaced as a whole.

    Three conveniences follow from the schema. A property declared in snake_case may be written in
    lowerCamelCase too, where no others are allowed. An absent property takes its ``default``.
    An empty text for a property of format ``http-uri`` means that it is absent.
    """

    name: ClassVar[str] = "object"
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "object"})

    def __post_init__(self) -> None:
        if self.schema.get("type") != "object":
            raise InvalidKind('the schema must have "type": "object"')
        try:
            jsonschema.Draft202012Validator.check_schema(self.schema)
        except jsonschema.SchemaError as error:
            raise InvalidKind(f"not a JSON Schema: {error.message}") from None

    def parse(self, raw: Any) -> dict[str, Any]:
        if not isinstance(raw, dict):
            raise InvalidValue(("", f"must be an object, not {describe_type(raw)}"))
        if not is_storable(raw):
            raise InvalidValue(("", "must not contain NUL, lone surrogates or endless numbers"))
        spelled, value = self._rename(raw)
        validator = jsonschema.Draft202012Validator(
            self.schema, format_checker=_formats, registry=Registry()
        )
        problems = [
            _schema_problem(error, spelled, self._properties)
            for error in validator.iter_errors(value)
        ]
        if problems:
            raise InvalidValue(*problems)
        return self._fill(value)

    @property
    def _properties(self) -> Mapping[str, Any]:
        properties: Mapping[str, Any] = self.schema.get("properties", {})
        return properties

    def _rename(self, raw: dict[str, Any]) -> tuple[dict[str, str], dict[str, Any]]:
        """Return how each property was spelt, and the object with the schema's own names."""
        aliases: dict[str, str] = {}
        if self.schema.get("additionalProperties") is False:
            aliases = {camel_case(name): name for name in self._properties}
        spelled: dict[str, str] = {}
        value: dict[str, Any] = {}
        for written, member in raw.items():
            name = aliases.get(written, written)
            if name in value:
                raise InvalidValue((f".{written}", f'is the same property as "{spelled[name]}"'))
            spelled[name] = written
            value[name] = member
        return spelled, value

    def _fill(self, value: dict[str, Any]) -> dict[str, Any]:
        """Return the valid object without empty URIs and with the declared defaults, in order."""
        filled: dict[str, Any] = {}
        for name, declared in self._properties.items():
            given = value.get(name, declared.get("default") if isinstance(declared, dict) else None)
            is_blank = given == "" and declared.get("format") == "http-uri"
            if (name in value or given is not None) and not is_blank:
                filled[name] = given
        return filled | {name: value[name] for name in value if name not in self._properties}

    def options(self) -> dict[str, Any]:
        return {"schema": dict(self.schema)}


KINDS: dict[str, type[Kind]] = {
    kind.name: kind for kind in (Boolean, Integer, Number, String, Choice, ChoiceSet, Object)
}


def make_kind(name: str, options: Mapping[str, Any]) -> Kind:
    """Return the kind of that name with its options. InvalidKind for anything unfit."""
    try:
        kind = KINDS[name]
    except KeyError:
        raise InvalidKind(f'"{name}" is no kind{did_you_mean(name, list(KINDS))}') from None
    known = {key: tuple(value) if key == "choices" else value for key, value in options.items()}
    try:
        return kind(**known)
    except TypeError:
        raise InvalidKind(f"{name} takes no such options: {', '.join(options)}") from None


def camel_case(name: str) -> str:
    """Return a snake_case name as protobuf's JSON spells it: login_v2 becomes loginV2."""
    head, *rest = name.split("_")
    return head + "".join(word[:1].upper() + word[1:] for word in rest)


def is_storable_text(text: str) -> bool:
    """Whether both databases can keep the text: no NUL, no lone surrogate."""
    return "\x00" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def is_storable(raw: Any) -> bool:
    """Whether both databases can keep a raw value, whatever is nested in it."""
    match raw:
        case str():
            return is_storable_text(raw)
        case bool() | None:
            return True
        case int():
            return abs(raw) <= MAX_INTEGER
        case float():
            return math.isfinite(raw)
        case list():
            return all(map(is_storable, raw))
        case _:
            return all(is_storable_text(key) and is_storable(value) for key, value in raw.items())


_formats = jsonschema.FormatChecker(formats=())


@_formats.checks("http-uri")
def is_http_uri(value: object) -> bool:
    """Whether a text is empty or an absolute http or https URI with a host."""
    if not isinstance(value, str) or value == "":
        return True
    if any(character.isspace() or not character.isprintable() for character in value):
        return False
    try:
        parts = urlsplit(value)
        _port = parts.port
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)


def _schema_problem(
    error: Any, spelled: Mapping[str, str], properties: Mapping[str, Any]
) -> Problem:
    """Turn a schema's complaint into a path, spelt as it was written, and a sentence."""
    steps = list(error.absolute_path)
    if steps:
        steps[0] = spelled.get(steps[0], steps[0])
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    match error.validator:
        case "additionalProperties" if not steps:
            unknown = next(name for name in error.instance if name not in properties)
            return f".{unknown}", f"is not known{did_you_mean(unknown, list(properties))}"
        case "format" if error.validator_value == "http-uri":
            return path, "must be an absolute http or https URI"
        case "type":
            wanted = error.validator_value
            return path, f"must be of type {wanted}, not {describe_type(error.instance)}"
        case _:
            return path, str(error.message)


def _unknown_choice(name: str, choices: Sequence[str]) -> str:
    return f"{name!r} is not one of the names{did_you_mean(name, choices)}"


def _check_choices(choices: tuple[str, ...]) -> None:
    if not choices or len(set(choices)) != len(choices):
        raise InvalidKind("the choices must be a list of different names")
    if not all(name and is_storable_text(name) for name in choices):
        raise InvalidKind("every choice must be a text that is not empty")


def _without_defaults(kind: Any) -> dict[str, Any]:
    return {
        name: getattr(kind, name)
        for name, declared in kind.__dataclass_fields__.items()
        if getattr(kind, name) != declared.default
    }
