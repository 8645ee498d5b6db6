"""The JSON Schemas of object values: draft 2020-12, kept to what always ends soon. Pure: no Django.

A schema stands for itself. Its references lead to its own ``$defs`` and never round in a circle,
nothing is ever fetched, and its patterns are RE2's, whose time grows with the text and no faster:
no schema that an administrator writes, and no value that anybody sends, can hold a worker up.
"""

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import jsonschema
import re2
from jsonschema.validators import extend
from referencing import Registry

from tenancy.sentences import Sentence as _

MAX_SCHEMA_TEXT = 20_000
MAX_SUBSCHEMAS = 500  # with references followed: definitions that double each other soon count out

REFERENCE = "#/$defs/"
ONE_SCHEMA = {
    *("additionalProperties", "contains", "else", "if", "items", "not", "propertyNames", "then")
}
LISTED_SCHEMAS = {"allOf", "anyOf", "oneOf", "prefixItems"}
NAMED_SCHEMAS = {"$defs", "dependentSchemas", "properties"}
OTHER_KEYWORDS = {
    *("$comment", "$ref", "$schema", "const", "default", "dependentRequired", "deprecated"),
    *("description", "enum", "examples", "exclusiveMaximum", "exclusiveMinimum", "format"),
    *("maxContains", "maxItems", "maxLength", "maxProperties", "maximum", "minContains"),
    *("minItems", "minLength", "minProperties", "minimum", "multipleOf", "pattern", "readOnly"),
    *("required", "title", "type", "uniqueItems", "writeOnly"),
}
KEYWORDS = ONE_SCHEMA | LISTED_SCHEMAS | NAMED_SCHEMAS | OTHER_KEYWORDS
HTTP_URI = "http-uri"


class InvalidSchema(ValueError):
    """A schema that is none, or that goes beyond what is supported; the message says what."""


def make_validator(schema: Mapping[str, Any]) -> jsonschema.protocols.Validator:
    """Return the validator of a schema. InvalidSchema says what is wrong with it."""
    if len(json.dumps(schema)) > MAX_SCHEMA_TEXT:
        raise InvalidSchema(
            _("the schema is longer than %(count)s characters", count=MAX_SCHEMA_TEXT)
        )
    try:
        # Without a format checker: it would compile the patterns with Python's own engine.
        _Validator.check_schema(schema, format_checker=jsonschema.FormatChecker(formats=()))
    except jsonschema.SchemaError as error:
        raise InvalidSchema(_("not a JSON Schema: %(reason)s", reason=error.message)) from None
    if schema.get("$schema", _METASCHEMA) != _METASCHEMA:
        raise InvalidSchema(_('"$schema" must be %(address)s', address=_METASCHEMA))
    if _count(schema, schema.get("$defs", {}), {}) > MAX_SUBSCHEMAS:
        raise InvalidSchema(
            _(
                "the schema has more than %(count)s parts, references followed",
                count=MAX_SUBSCHEMAS,
            )
        )
    validator: jsonschema.protocols.Validator = _Validator(
        schema, format_checker=_formats, registry=Registry()
    )
    return validator


def _count(schema: Any, definitions: Mapping[str, Any], known: dict[str, int | None]) -> int:
    """Return how many schemas are in one, the referenced ones included, and check its keywords.

    ``known`` holds the counts of the definitions by name, None while one is being counted.
    """
    if isinstance(schema, bool):
        return 1
    if unknown := sorted(set(schema) - KEYWORDS):
        raise InvalidSchema(_('the keyword "%(keyword)s" is not supported', keyword=unknown[0]))
    if schema.get("format", HTTP_URI) != HTTP_URI:
        raise InvalidSchema(
            _(
                'the format "%(format)s" is not supported, only %(known)s',
                format=schema["format"],
                known=HTTP_URI,
            )
        )
    if "pattern" in schema:
        _compile_pattern(schema["pattern"])
    count = 1 + sum(_count(part, definitions, known) for part in _parts(schema))
    if "$ref" in schema:
        count += _count_reference(schema["$ref"], definitions, known)
    return count


def _count_reference(
    reference: str, definitions: Mapping[str, Any], known: dict[str, int | None]
) -> int:
    name = reference.removeprefix(REFERENCE)
    if not reference.startswith(REFERENCE) or name not in definitions:
        raise InvalidSchema(
            _(
                '"$ref" leads to "%(reference)s": write %(known)sNAME of this schema',
                reference=reference,
                known=REFERENCE,
            )
        )
    if name not in known:
        known[name] = None
        known[name] = _count(definitions[name], definitions, known)
    count = known[name]
    if count is None:
        raise InvalidSchema(_('"$ref" leads round in a circle: %(reference)s', reference=reference))
    return count


def _parts(schema: Mapping[str, Any]) -> Iterator[Any]:
    for keyword, value in schema.items():
        if keyword in ONE_SCHEMA:
            yield value
        elif keyword in LISTED_SCHEMAS:
            yield from value
        elif keyword in NAMED_SCHEMAS:
            yield from value.values()


@lru_cache(maxsize=1000)
def _compile_pattern(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0] if error.args else _("not understood")
        text = reason.decode(errors="replace") if isinstance(reason, bytes) else reason
        raise InvalidSchema(
            _('the pattern "%(pattern)s" is refused: %(reason)s', pattern=pattern, reason=text)
        ) from None


def _check_pattern(
    _validator: object, pattern: str, instance: object, _schema: object
) -> Iterator[jsonschema.ValidationError]:
    if isinstance(instance, str) and not _compile_pattern(pattern).search(instance):
        yield jsonschema.ValidationError(
            _("does not match the pattern %(pattern)s", pattern=pattern)
        )


_METASCHEMA = "https://json-schema.org/draft/2020-12/schema"
_Validator: Any = extend(  # type: ignore[no-untyped-call]
    jsonschema.Draft202012Validator, {"pattern": _check_pattern}
)
_formats = jsonschema.FormatChecker(formats=())


@_formats.checks(HTTP_URI)
def is_http_uri(value: object) -> bool:
    """Whether a text is an absolute http or https URI with a host; other types are no matter."""
    if not isinstance(value, str):
        return True
    if any(character.isspace() or not character.isprintable() for character in value):
        return False
    try:
        parts = urlsplit(value)
        _port = parts.port
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)
