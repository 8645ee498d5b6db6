"""Between the bytes of a message and the plain objects that REST's JSON is made of.

A request becomes the body that a REST client would have sent, whichever form it came in, so that
the same functions read it and refuse it in the same words. An answer is rendered as REST renders
it; the binary form is then made from that. Nothing is decoded before somebody asks for it: who may
not call learns nothing about what was wrong with the message.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

from connectrpc.codec import Codec
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.json_format import ParseDict
from google.protobuf.message import DecodeError, Message
from google.protobuf.struct_pb2 import ListValue, Struct, Value
from rest_framework.exceptions import ParseError

from access.parsers import parse_json_object
from features.raw import settle_number


@dataclass(frozen=True)
class Answer:
    """What a method answers: a body as REST has it, and the message that it fills."""

    message: type[Message]
    body: dict[str, Any]


class Incoming:
    """A request that has been received but not read."""

    def __init__(self, read: Callable[[], dict[str, Any]]) -> None:
        self._read = read

    @cached_property
    def fields(self) -> dict[str, Any]:
        """The fields that are present, spelt as in the request. ParseError for no message."""
        return self._read()


class JsonCodec(Codec[Answer, Any]):
    """Protobuf's JSON form, read by REST's rules: strict types, no key twice."""

    def name(self) -> str:
        """Return the name by which content types call the form."""
        return "json"

    def encode(self, message: Answer) -> bytes:
        """Return the answer's body as it is."""
        return json.dumps(message.body, ensure_ascii=False, separators=(",", ":")).encode()

    def decode(self, data: bytes | bytearray, message_class: type[Any]) -> Incoming:
        """Take a request, to be read later."""
        raw = bytes(data)
        return Incoming(lambda: known_fields(parse_json_object(raw), message_class.DESCRIPTOR))


class BinaryCodec(Codec[Answer, Any]):
    """Protobuf's binary form."""

    def name(self) -> str:
        """Return the name by which content types call the form."""
        return "proto"

    def encode(self, message: Answer) -> bytes:
        """Fill the message from the answer's body."""
        return ParseDict(message.body, message.message()).SerializeToString()

    def decode(self, data: bytes | bytearray, message_class: type[Any]) -> Incoming:
        """Take a request, to be read later."""
        raw = bytes(data)
        return Incoming(lambda: _read_binary(raw, message_class))


def known_fields(body: Mapping[str, Any], descriptor: Descriptor) -> dict[str, Any]:
    """Return what protobuf sees of a JSON object: unknown fields, null and empty lists are absent.

    Values of the wrong type stay as they are, for whoever checks the field to refuse.
    """
    known: dict[str, Any] = {}
    for name, raw in body.items():
        field = descriptor.fields_by_camelcase_name.get(name) or descriptor.fields_by_name.get(name)
        if field is None or raw is None or (raw == [] and field.is_repeated):
            continue
        nested = field.message_type
        is_whole = nested is None or _is_map(field) or not isinstance(raw, dict)
        known[name] = raw if is_whole else known_fields(raw, cast("Descriptor", nested))
    return known


def message_fields(message: Message) -> dict[str, Any]:
    """Return the fields that are present in a message, by their JSON names."""
    return {field.json_name: _plain_field(field, value) for field, value in message.ListFields()}


def _read_binary(raw: bytes, message_class: type[Message]) -> dict[str, Any]:
    try:
        message = message_class.FromString(raw)
    except DecodeError:
        name = message_class.DESCRIPTOR.full_name
        raise ParseError(f"the body is not a {name} in protobuf's binary form") from None
    return message_fields(message)


def _plain_field(field: FieldDescriptor, value: Any) -> Any:
    if _is_map(field):
        return {key: _plain_value(member) for key, member in value.items()}
    if field.is_repeated:
        return [_plain(field, member) for member in value]
    return _plain(field, value)


def _plain(field: FieldDescriptor, value: Any) -> Any:
    """Return a single value; a number that its enum does not know stays a number."""
    if field.enum_type is not None:
        known = field.enum_type.values_by_number.get(value)
        return known.name if known else value
    return message_fields(value) if isinstance(value, Message) else value


def _plain_value(value: Value) -> Any:
    """Return what a Value holds. A whole number becomes an integer: Value has doubles alone."""
    match value.WhichOneof("kind"):
        case "null_value":
            return None
        case "number_value":
            return settle_number(value.number_value)
        case "struct_value":
            return _plain_struct(value.struct_value)
        case "list_value":
            return _plain_list(value.list_value)
        case None:
            raise ParseError("a google.protobuf.Value holds nothing; to inherit, send a null value")
        case kind:
            return getattr(value, kind)


def _plain_struct(struct: Struct) -> dict[str, Any]:
    return {key: _plain_value(member) for key, member in struct.fields.items()}


def _plain_list(values: ListValue) -> list[Any]:
    return [_plain_value(member) for member in values.values]


def _is_map(field: FieldDescriptor) -> bool:
    nested = field.message_type
    return nested is not None and nested.GetOptions().map_entry
