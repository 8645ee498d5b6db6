"""The feature API's JSON: bodies to change sets, services' answers to bodies."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from django.core.exceptions import ValidationError

from features.definitions import Definition, Definitions, UnknownFeature
from features.kinds import InvalidValue, camel_case
from features.planning import INHERIT, Change, ChangeSet, Details, NoChanges, misplaced_message
from features.resolution import Effective
from features.services import FeatureValues, IfMatch
from tenancy.levels import OWNED_LEVELS, Level
from tenancy.models import Owner

SOURCES = {
    Level.DEFAULT: "SOURCE_UNSPECIFIED",
    Level.SYSTEM: "SOURCE_SYSTEM",
    Level.INSTANCE: "SOURCE_INSTANCE",
    Level.ORGANIZATION: "SOURCE_ORGANIZATION",
    Level.USER: "SOURCE_USER",
}
TRUE_TEXTS, FALSE_TEXTS = {"1", "t", "true"}, {"0", "f", "false"}
MAX_FIELDS = 1000  # of a body: each bad one costs a search for what was meant
SEQUENCE_TAG = re.compile(r'"(0|[1-9][0-9]{0,18})"')
ENTITY_TAG = re.compile(r'\s*(?:(?P<tag>(?:W/)?"[^"]*")|(?P<bad>[^",][^,]*))?\s*(?:,|$)')


def parse_change_set(body: Mapping[str, Any], definitions: Definitions, level: Level) -> ChangeSet:
    """Turn a PUT body into a change set. ValidationError names every bad field as it was spelt.

    Fields are written in lowerCamelCase or in snake_case; null means to inherit.
    """
    if len(body) > MAX_FIELDS:
        raise ValidationError(f"the body has more than {MAX_FIELDS} fields")
    changes: dict[str, Any] = {}
    problems: dict[str, list[str]] = {}
    spelled: dict[str, str] = {}
    for field, raw in body.items():
        try:
            definition = definitions.get(field)
        except UnknownFeature as error:
            problems[field] = [str(error)]
            continue
        if definition.key in spelled:
            problems[field] = [f'is the same feature as "{spelled[definition.key]}"']
        elif not definition.may_be_set_at(level):
            problems[field] = [misplaced_message(definition, level)]
        else:
            try:
                changes[definition.key] = parse_value(definition, raw)
            except InvalidValue as error:
                for path, reason in error.problems:
                    problems.setdefault(field + path, []).append(reason)
        spelled.setdefault(definition.key, field)
    if problems:
        raise ValidationError(problems)
    return changes


def parse_value(definition: Definition, raw: Any) -> Any:
    """Return the checked value, or INHERIT for null. A retired feature's value is not looked at."""
    if raw is None or definition.is_retired:
        return INHERIT
    return definition.kind.parse(raw)


def parse_feature_id(text: str, definitions: Definitions) -> Definition:
    """Return the feature that an enum's name or number means, or that has this name itself.

    ValidationError for no feature, and for one that may not be set on an instance.
    """
    name = {"1": "login_default_org", "INSTANCE_FEATURE_LOGIN_DEFAULT_ORG": "login_default_org"}
    try:
        definition = definitions.get(name.get(text, text))
    except UnknownFeature as error:
        raise ValidationError({"featureId": str(error)}) from None
    if not definition.may_be_set_at(Level.INSTANCE):
        raise ValidationError({"featureId": misplaced_message(definition, Level.INSTANCE)})
    return definition


def parse_single_value(definition: Definition, body: Mapping[str, Any]) -> Any:
    """Return the checked value of ``{"bool": …}`` or ``{"value": …}``."""
    if not body:
        raise NoChanges
    unknown = {
        field: 'is not known; write {"bool": …} or {"value": …}'
        for field in body
        if field not in {"bool", "value"}
    }
    if unknown:
        raise ValidationError(unknown)
    if len(body) != 1:
        raise ValidationError({"value": 'write either {"bool": …} or {"value": …}'})
    [(field, raw)] = body.items()
    if field == "bool" and raw is not None and not isinstance(raw, bool):
        raise ValidationError({"bool": "must be true or false"})
    try:
        return parse_value(definition, raw)
    except InvalidValue as error:
        raise ValidationError({field + path: reason for path, reason in error.problems}) from None


def parse_text_value(definition: Definition, text: str) -> Any:
    """Return the checked value of a shell or a table cell, or INHERIT for ``inherit``.

    InvalidValue for an empty text, which more likely was forgotten than meant. As in `parse_value`,
    nobody looks at a retired feature's value.
    """
    if text == INHERIT.value or definition.is_retired:
        return INHERIT
    if not text.strip():
        raise InvalidValue(("", f"has no value: write {_forms(definition)}"))
    return definition.kind.parse_text(text)


def _forms(definition: Definition) -> str:
    forms = {"boolean": "on, off or inherit", "string": 'a text, "" for an empty one, or inherit'}
    return forms.get(definition.kind.name, "JSON or inherit")


def parse_flag(texts: Sequence[str]) -> bool | None:
    """Return the boolean that a query parameter means, or None when it means none.

    ``texts`` is each value that the query gives it: none is false, two are none.
    """
    if not texts:
        return False
    folded = texts[0].lower() if len(texts) == 1 else ""
    if folded in TRUE_TEXTS:
        return True
    return False if folded in FALSE_TEXTS else None


def parse_if_match(header: str | None) -> IfMatch | None:
    """Return the condition of an If-Match header; None without one.

    Weak tags, malformed tags and other tags than sequences are conditions that never hold.
    """
    if header is None:
        return None
    if header.strip() == "*":
        return IfMatch(any_event=True)
    tags = map(SEQUENCE_TAG.fullmatch, split_tags(header))
    return IfMatch(frozenset(int(tag[1]) for tag in tags if tag))


def split_tags(header: str) -> list[str]:
    """Return the entity tags of a list as they stand there (RFC 9110, 8.8.3)."""
    return [found["tag"] for found in ENTITY_TAG.finditer(header) if found["tag"]]


def render_details(details: Details, *, with_creation: bool = False) -> dict[str, str]:
    """Return the ``details`` object; only the first version of the API has a creationDate."""
    position = details.position
    rendered = {"sequence": str(position.sequence)}
    if with_creation and position.created_at:
        rendered["creationDate"] = render_time(position.created_at)
    if position.changed_at:
        rendered["changeDate"] = render_time(position.changed_at)
    return rendered | {"resourceOwner": details.resource_owner}


def render_time(moment: datetime) -> str:
    """Return a time as RFC 3339 in UTC with milliseconds and ``Z``."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def render_features(features: FeatureValues) -> dict[str, Any]:
    """Return the body of a GET answer: details, then every feature with value and source."""
    body: dict[str, Any] = {"details": render_details(features.details)}
    for feature in features.values:
        body[feature.definition.json_name] = render_value(feature.definition, feature.effective)
    return body


def render_value(definition: Definition, effective: Effective) -> dict[str, Any]:
    """Return a feature's value under the name that its kind of answer uses, and the source."""
    if definition.answer_name:
        members = {definition.answer_name: effective.value}
    else:
        members = {camel_case(name): value for name, value in effective.value.items()}
    return members | {"source": SOURCES[effective.source]}


def render_definition(definition: Definition) -> dict[str, Any]:
    """Return a definition as JSON tells it."""
    levels = [level.label for level in OWNED_LEVELS if definition.may_be_set_at(level)]
    return {
        "key": definition.key,
        "jsonName": definition.json_name,
        "name": definition.name,
        "description": definition.description,
        "kind": definition.kind.name,
        "options": definition.kind.options(),
        "default": definition.rules.default,
        "levels": levels,
        "stage": definition.stage.value,
        "enabled": definition.rules.enabled,
    }


def render_change(owner: Owner, change: Change) -> dict[str, Any]:
    """Return a change as reports of commands hold it; a null value inherits."""
    return {
        "level": owner.level.label,
        "owner": owner.reference,
        "feature": change.definition.key,
        "before": change.before.value if change.before else None,
        "after": change.after.value if change.after else None,
    }


_encode_in_order = json.JSONEncoder(sort_keys=True, ensure_ascii=False).encode


def hash_tag(body: Mapping[str, Any]) -> str:
    """Return the entity tag of an inherited view: a hash over all that the answer says."""
    text = _encode_in_order(body)
    return f'"h{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


def names_tag(if_none_match: str | None, tag: str) -> bool:
    """Whether If-None-Match names the tag; the comparison is weak (RFC 9110, 13.1.2)."""
    if if_none_match is None:
        return False
    tags = [candidate.removeprefix("W/") for candidate in split_tags(if_none_match)]
    return if_none_match.strip() == "*" or tag in tags
