"""What a schema finds wrong with a value, in our words. Pure: no Django."""

from collections.abc import Iterator, Mapping
from typing import Any

from features.raw import MAX_QUOTED, describe_type
from features.schemas import HTTP_URI
from tenancy.sentences import Sentence as _
from tenancy.spelling import did_you_mean

LONGEST = 5 * MAX_QUOTED  # characters of a sentence: it repeats what was sent

# The library's sentences about a bound, by the keyword: of these, those that are meant are found
# again by trying. What it says otherwise stays as it says it.
KNOWN: dict[str, tuple[str, ...]] = {
    "minimum": (_("%(value)s is less than the minimum of %(bound)s"),),
    "maximum": (_("%(value)s is greater than the maximum of %(bound)s"),),
    "exclusiveMinimum": (_("%(value)s is less than or equal to the minimum of %(bound)s"),),
    "exclusiveMaximum": (_("%(value)s is greater than or equal to the maximum of %(bound)s"),),
    "multipleOf": (_("%(value)s is not a multiple of %(bound)s"),),
    "minLength": (_("%(value)s is too short"), _("%(value)s should be non-empty")),
    "maxLength": (_("%(value)s is too long"), _("%(value)s is expected to be empty")),
    "minItems": (_("%(value)s is too short"), _("%(value)s should be non-empty")),
    "maxItems": (_("%(value)s is too long"), _("%(value)s is expected to be empty")),
    "minProperties": (
        _("%(value)s does not have enough properties"),
        _("%(value)s should be non-empty"),
    ),
    "maxProperties": (
        _("%(value)s has too many properties"),
        _("%(value)s is expected to be empty"),
    ),
    "uniqueItems": (_("%(value)s has non-unique elements"),),
    "enum": (_("%(value)s is not one of %(bound)s"),),
    "const": (_("%(bound)s was expected"),),
    "contains": (_("%(value)s does not contain items matching the given schema"),),
    "anyOf": (_("%(value)s is not valid under any of the given schemas"),),
    "oneOf": (_("%(value)s is not valid under any of the given schemas"),),
    "not": (_("%(value)s should not be valid under %(bound)s"),),
    "pattern": (_("does not match the pattern %(pattern)s"),),
}


def schema_problems(error: Any, spelled: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Turn a schema's complaint into paths, spelt as they were written, and sentences."""
    steps = list(error.absolute_path)
    if steps:
        steps[0] = spelled.get(steps[0], steps[0])
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    match error.validator:
        case "additionalProperties":
            known = list(error.schema.get("properties", {}))
            for name in error.instance:
                if name not in known:
                    hint = did_you_mean(name, known)
                    yield f"{path}.{name[:MAX_QUOTED]}", _("is not known%(hint)s", hint=hint)
        case "required":
            # The library complains once for each; only its sentence says about which.
            names = error.validator_value
            yield from (
                (f"{path}.{name}", _("is required"))
                for name in names
                if error.message.startswith(f"{name!r} ")
            )
        case "format" if error.validator_value == HTTP_URI:
            yield path, _("must be an absolute http or https URI")
        case "type":
            wanted = error.validator_value
            types = wanted if isinstance(wanted, str) else " or ".join(wanted)
            given = describe_type(error.instance)
            yield path, _("must be of type %(types)s, not %(type)s", types=types, type=given)
        case _:
            text = recognise(error)
            yield path, text if len(text) <= LONGEST else text[:LONGEST]


def recognise(error: Any) -> str:
    """Return the library's own sentence, as one that can be translated where we know it."""
    text = str(error.message)
    value, bound = repr(error.instance), repr(error.validator_value)
    for template in KNOWN.get(error.validator, ()):
        sentence = _(template, value=value, bound=bound, pattern=error.validator_value)
        if sentence == text:
            return sentence
    return text
