"""The kinds of feature values. Each parses and checks a raw value, strictly. Pure: no Django.

A raw value is what JSON gives: None, bool, int, float, str, list or dict. A kind never guesses:
``"true"`` is no boolean, ``1.0`` no integer. What `parse` returns is the one stored form of a
value, so that equal values compare equal.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cached_property
from itertools import islice
from typing import Any, ClassVar

from features.raw import (
    MAX_DEPTH,
    MAX_INTEGER,
    MAX_QUOTED,
    describe_type,
    is_a,
    is_storable,
    is_storable_text,
    quote,
    settle,
    settle_number,
)
from features.schema_faults import recognise, schema_problems
from features.schemas import HTTP_URI, InvalidSchema, make_validator
from tenancy.sentences import Sentence as _
from tenancy.sentences import join_sentences
from tenancy.spelling import did_you_mean

Problem = tuple[str, str]  # a path below the value ("", ".baseUri" or "[0]") and what is wrong

MAX_TEXT = 10_000  # characters of a string, and of an object written as JSON
MAX_PROBLEMS = 50  # a value with more faults than that is not mended one by one
MAX_CHOICE = 200  # characters of a name to choose


class InvalidValue(ValueError):
    """A raw value that its kind refuses; ``problems`` names every fault, not only the first."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__(
            join_sentences(
                "; ",
                (
                    _("%(path)s: %(reason)s", path=path, reason=reason) if path else reason
                    for path, reason in problems
                ),
            )
        )
        self.problems = problems


class InvalidKind(ValueError):
    """Options that do not make a kind: an unknown kind, a bad schema, an empty list of choices."""


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
        except (ValueError, RecursionError):
            raise InvalidValue(("", _("is not JSON: %(text)s", text=quote(text)))) from None
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
            raise InvalidValue(
                ("", _("must be true or false, not %(type)s", type=describe_type(raw)))
            )
        return raw

    def parse_text(self, text: str) -> bool:
        """Take on, off, true and false in any case."""
        try:
            return {"on": True, "true": True, "off": False, "false": False}[text.strip().lower()]
        except KeyError:
            raise InvalidValue(
                ("", _("must be on or off, not %(text)s", text=quote(text)))
            ) from None


@dataclass(frozen=True)
class Integer(Kind):
    """A whole number within ±(2**53 - 1), optionally within narrower bounds."""

    name: ClassVar[str] = "integer"
    minimum: int = -MAX_INTEGER
    maximum: int = MAX_INTEGER

    def __post_init__(self) -> None:
        _check_bounds(self, int)

    def parse(self, raw: Any) -> int:
        if isinstance(raw, bool) or not isinstance(raw, int):
            raise InvalidValue(("", _("must be an integer, not %(type)s", type=describe_type(raw))))
        if not self.minimum <= raw <= self.maximum:
            raise _beyond(self)
        return raw

    def options(self) -> dict[str, Any]:
        return _without_defaults(self)


@dataclass(frozen=True)
class Number(Kind):
    """A number within ±(2**53 - 1), optionally within narrower bounds. A whole one is an integer.

    Beyond that PostgreSQL gives other numbers back than it was given.
    """

    name: ClassVar[str] = "number"
    minimum: float = -MAX_INTEGER
    maximum: float = MAX_INTEGER

    def __post_init__(self) -> None:
        _check_bounds(self, int | float)

    def parse(self, raw: Any) -> int | float:
        if isinstance(raw, bool) or not isinstance(raw, int | float):
            raise InvalidValue(("", _("must be a number, not %(type)s", type=describe_type(raw))))
        if not self.minimum <= raw <= self.maximum:  # NaN and the infinities neither
            raise _beyond(self)
        stored: int | float = settle_number(raw)
        return stored

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

    def __post_init__(self) -> None:
        if not is_a(self.max_length, int) or not 1 <= self.max_length <= MAX_TEXT:
            raise InvalidKind(
                _("max_length must be an integer from 1 to %(count)s", count=MAX_TEXT)
            )

    def parse(self, raw: Any) -> str:
        if not isinstance(raw, str):
            raise InvalidValue(("", _("must be a string, not %(type)s", type=describe_type(raw))))
        if len(raw) > self.max_length:
            raise InvalidValue(
                ("", _("must have at most %(count)d characters", count=self.max_length))
            )
        if not is_storable_text(raw):
            raise InvalidValue(("", _("must not contain NUL or a lone surrogate")))
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
                (
                    "",
                    _(
                        "must be one of %(names)s, not %(type)s",
                        names=", ".join(self.choices),
                        type=describe_type(raw),
                    ),
                )
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
    numbers: Any = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_choices(self.choices)
        _check_numbers(self.numbers, self.choices)

    def parse(self, raw: Any) -> list[str]:
        if not isinstance(raw, list):
            raise InvalidValue(
                ("", _("must be a list of names, not %(type)s", type=describe_type(raw)))
            )
        names: list[str] = []
        if problems := tuple(islice(self._take(raw, names), MAX_PROBLEMS)):
            raise InvalidValue(*problems)
        return names

    def _take(self, raw: list[Any], names: list[str]) -> Iterator[Problem]:
        """Add each member's name to ``names``, or give what is wrong with it."""
        by_number = {number: name for name, number in self.numbers.items()}
        for position, member in enumerate(raw):
            is_number = is_a(member, int)
            name = by_number.get(member) if is_number else member
            if not isinstance(member, str) and not is_number:
                yield f"[{position}]", _("must be a name, not %(type)s", type=describe_type(member))
            elif name not in self.choices:
                yield f"[{position}]", _unknown_choice(member, self.choices)
            elif name in names:
                yield f"[{position}]", _("%(name)s is listed twice", name=name)
            else:
                names.append(name)

    def options(self) -> dict[str, Any]:
        numbers = {"numbers": dict(self.numbers)} if self.numbers else {}
        return {"choices": list(self.choices), **numbers}


@dataclass(frozen=True)
class Object(Kind):
    """An object that its JSON Schema (features.schemas) accepts, taken and replaced as a whole.

    Three conveniences follow from the schema. A property declared in snake_case may be written in
    lowerCamelCase too, where no others are allowed. An absent property takes its ``default``.
    An empty text for a property of format ``http-uri`` means that it is absent.
    """

    name: ClassVar[str] = "object"
    schema: Any = field(default_factory=lambda: {"type": "object"})

    def __post_init__(self) -> None:
        if not is_storable(self.schema) or not isinstance(self.schema, dict):
            raise InvalidKind(_("the schema must be an object that JSON holds"))
        if self.schema.get("type") != "object":
            raise InvalidKind(_('the schema must have "type": "object"'))
        try:
            validator = self._validator
        except InvalidSchema as error:
            raise InvalidKind(*error.args) from None
        if len({camel_case(name) for name in self._properties}) < len(self._properties):
            raise InvalidKind(_("two properties differ only in how they are spelt"))
        for name, declared in self._properties.items():
            if isinstance(declared, dict) and "default" in declared:
                for fault in validator.descend(declared["default"], declared):
                    raise InvalidKind(
                        _(
                            'the default of "%(name)s" does not fit: %(reason)s',
                            name=name,
                            reason=recognise(fault),
                        )
                    )

    def parse(self, raw: Any) -> dict[str, Any]:
        if not isinstance(raw, dict):
            raise InvalidValue(("", _("must be an object, not %(type)s", type=describe_type(raw))))
        if not all(map(is_storable_text, raw)):
            raise InvalidValue(("", _UNSTORABLE))
        if bad := [name for name in raw if not is_storable({name: raw[name]})]:
            raise InvalidValue(
                *((f".{name[:MAX_QUOTED]}", _UNSTORABLE) for name in bad[:MAX_PROBLEMS])
            )
        spelled, value = self._rename(raw)
        value = self._fill(value)
        if len(json.dumps(value, ensure_ascii=False)) > MAX_TEXT:
            raise InvalidValue(
                ("", _("must have at most %(count)s characters as JSON", count=MAX_TEXT))
            )
        problems = (
            problem
            for error in self._validator.iter_errors(value)
            for problem in schema_problems(error, spelled)
        )
        if found := tuple(islice(problems, MAX_PROBLEMS)):
            raise InvalidValue(*found)
        return value

    @cached_property
    def _validator(self) -> Any:
        return make_validator(self.schema)

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
                twin = _('is the same property as "%(name)s"', name=spelled[name])
                raise InvalidValue((f".{written}", twin))
            spelled[name] = written
            value[name] = member
        return spelled, value

    def _fill(self, value: dict[str, Any]) -> dict[str, Any]:
        """Return a copy without empty URIs, with the declared defaults, declared ones first."""
        filled: dict[str, Any] = {}
        for name, declared in self._properties.items():
            rules = declared if isinstance(declared, dict) else {}
            given = value.get(name, rules.get("default"))
            is_absent = name not in value and "default" not in rules
            if not is_absent and not (given == "" and rules.get("format") == HTTP_URI):
                filled[name] = given
        settled: dict[str, Any] = settle(
            filled | {name: value[name] for name in value if name not in self._properties}
        )
        return settled

    def options(self) -> dict[str, Any]:
        return {"schema": dict(self.schema)}


KINDS: dict[str, Any] = {
    kind.name: kind for kind in (Boolean, Integer, Number, String, Choice, ChoiceSet, Object)
}


def make_kind(name: Any, options: Any) -> Kind:
    """Return the kind of that name with its options. InvalidKind for anything unfit."""
    kind = KINDS.get(name) if isinstance(name, str) else None
    if kind is None:
        hint = did_you_mean(str(name), list(KINDS))
        raise InvalidKind(_("%(name)s is no kind%(hint)s", name=quote(name), hint=hint))
    if not isinstance(options, Mapping):
        raise InvalidKind(
            _("the options must be an object, not %(type)s", type=describe_type(options))
        )
    takes = [option.name for option in fields(kind)] if is_dataclass(kind) else []
    if unknown := [key for key in options if key not in takes]:
        names = ", ".join(map(str, unknown))
        raise InvalidKind(_("%(kind)s takes no such options: %(names)s", kind=name, names=names))
    if not isinstance(options.get("choices", []), list | tuple):
        raise InvalidKind(_CHOICES)
    known = {key: tuple(value) if key == "choices" else value for key, value in options.items()}
    made: Kind = kind(**known)
    return made


def camel_case(name: str) -> str:
    """Return a snake_case name as protobuf's JSON spells it: login_v2 becomes loginV2."""
    head, *rest = name.split("_")
    return head + "".join(word[:1].upper() + word[1:] for word in rest)


def _unknown_choice(member: str | int, choices: Sequence[str]) -> str:
    hint = did_you_mean(member, choices) if isinstance(member, str) else ""
    return _("%(name)s is not one of the names%(hint)s", name=quote(member), hint=hint)


_UNSTORABLE = _(
    "must hold no NUL, lone surrogate, number beyond ±%(number)s or nesting deeper than %(depth)s",
    number=MAX_INTEGER,
    depth=MAX_DEPTH,
)
_CHOICES = _("the choices must be a list of different names")


def _check_choices(choices: tuple[str, ...]) -> None:
    are_texts = all(isinstance(name, str) for name in choices)
    if not choices or not are_texts or len(set(choices)) != len(choices):
        raise InvalidKind(_CHOICES)
    if not all(name and len(name) <= MAX_CHOICE and is_storable_text(name) for name in choices):
        raise InvalidKind(
            _("every choice must be a text of 1 to %(count)s characters", count=MAX_CHOICE)
        )


def _check_numbers(numbers: Any, choices: tuple[str, ...]) -> None:
    if not isinstance(numbers, Mapping) or not all(
        name in choices and is_a(number, int) for name, number in numbers.items()
    ):
        raise InvalidKind(_("the numbers must be an object from choices to integers"))
    if len(set(numbers.values())) != len(numbers):
        raise InvalidKind(_("the numbers of the choices must differ"))


def _beyond(kind: Integer | Number) -> InvalidValue:
    bounds = {"minimum": kind.minimum, "maximum": kind.maximum}
    return InvalidValue(("", _("must be between %(minimum)s and %(maximum)s", **bounds)))


def _check_bounds(kind: Integer | Number, number: Any) -> None:
    for bound in (kind.minimum, kind.maximum):
        if not is_a(bound, number) or not -MAX_INTEGER <= bound <= MAX_INTEGER:
            raise InvalidKind(
                _("minimum and maximum must be numbers within ±%(number)s", number=MAX_INTEGER)
            )
    if kind.minimum > kind.maximum:
        raise InvalidKind(_("minimum must not be above maximum"))


def _without_defaults(kind: Any) -> dict[str, Any]:
    return {
        option.name: getattr(kind, option.name)
        for option in fields(kind)
        if getattr(kind, option.name) != option.default
    }
