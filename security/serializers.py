"""The settings API's JSON: bodies to changes, settings to bodies."""

from collections.abc import Callable, Mapping
from typing import Any

from django.core.exceptions import ValidationError

from features.kinds import camel_case
from features.planning import Details
from features.serializers import render_details
from security.origins import parse_origins
from security.settings import SecurityChanges, SecuritySettings
from tenancy.spelling import did_you_mean

Problems = dict[str, str]
Parse = Callable[[Any, str], tuple[Any, Problems]]


def parse_changes(body: Mapping[str, Any]) -> SecurityChanges:
    """Return the settings that a body names. ValidationError names every bad field as it was spelt.

    Fields are written in lowerCamelCase or in snake_case.
    """
    changes: dict[str, Any] = {}
    problems: Problems = {}
    for field, key, raw in _known_fields(
        body, ("embedded_iframe", "enable_impersonation"), "", problems
    ):
        if key == "enable_impersonation":
            _take(changes, "impersonation_enabled", raw, field, _parse_boolean, problems)
        elif not isinstance(raw, dict):
            problems[field] = "must be an object"
        else:
            members = _known_fields(raw, ("enabled", "allowed_origins"), f"{field}.", problems)
            for path, member, value in members:
                if member == "enabled":
                    _take(changes, "iframe_enabled", value, path, _parse_boolean, problems)
                else:
                    _take(changes, "allowed_origins", value, path, parse_origins, problems)
    if problems:
        raise ValidationError(problems)
    return changes


def parse_settings(body: Mapping[str, Any]) -> SecuritySettings:
    """Return the whole settings that a body means: an absent field is off or empty."""
    return SecuritySettings(**parse_changes(body))


def render_settings(settings: SecuritySettings) -> dict[str, Any]:
    """Return the ``settings`` object; every field is always written out."""
    return {
        "embeddedIframe": {
            "enabled": settings.iframe_enabled,
            "allowedOrigins": list(settings.allowed_origins),
        },
        "enableImpersonation": settings.impersonation_enabled,
    }


def render_answer(settings: SecuritySettings, details: Details) -> dict[str, Any]:
    """Return the body of a GET answer."""
    return {"details": render_details(details), "settings": render_settings(settings)}


def _known_fields(
    body: Mapping[str, Any], known: tuple[str, ...], prefix: str, problems: Problems
) -> list[tuple[str, str, Any]]:
    """Return (path as spelt, key, value) of each known field; note the others as problems."""
    names = {name: key for key in known for name in (camel_case(key), key)}
    found: dict[str, str] = {}
    fields: list[tuple[str, str, Any]] = []
    for field, raw in body.items():
        key = names.get(field)
        if key is None:
            problems[prefix + field] = f"is not known{did_you_mean(field, list(names))}"
        elif key in found:
            problems[prefix + field] = f'is the same field as "{found[key]}"'
        else:
            found[key] = field
            fields.append((prefix + field, key, raw))
    return fields


def _take(
    changes: dict[str, Any], name: str, raw: Any, field: str, parse: Parse, problems: Problems
) -> None:
    value, wrong = parse(raw, field)
    problems.update(wrong)
    if not wrong:
        changes[name] = value


def _parse_boolean(raw: Any, field: str) -> tuple[bool, Problems]:
    if isinstance(raw, bool):
        return raw, {}
    return False, {field: "must be true or false"}
