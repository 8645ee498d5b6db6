"""What the methods do: a message becomes a change set, goes to the service, comes back."""

from collections.abc import Mapping
from typing import Any, TypeAlias

from connectrpc.request import RequestContext
from django.core.exceptions import ValidationError
from google.protobuf.descriptor import Descriptor

from access.owners import find_permitted_instance, find_permitted_owner
from access.permissions import Action
from access.policy import require
from features.definitions import definitions_at
from features.kinds import camel_case
from features.raw import describe_type
from features.serializers import (
    SOURCES,
    parse_change_set,
    parse_feature_id,
    parse_single_value,
    render_details,
    render_value,
)
from features.services import FeatureValues, get_features, reset_features, set_features
from rpc.calls import Call, current
from rpc.codecs import Answer, Incoming
from security.serializers import parse_settings, render_answer
from security.services import get_security_settings, set_security_settings
from security.views import READ, WRITE
from tenancy.levels import Level
from tenancy.models import Owner

Context: TypeAlias = RequestContext[Any, Any]

NOT_FEATURES = {"details", "features"}  # fields of an answer that are no features


def answer_set(level: Level, request: Incoming, context: Context) -> Answer:
    """Apply a change set to the owner meant."""
    call = current.get()
    owner = _owner(call, Action.WRITE, level, request)
    body = _change_set_body(level, request.fields)
    changes = parse_change_set(body, definitions_at(call.caller.revision), level)
    details = set_features(
        owner, changes, actor=call.caller.actor, origin=call.origin, if_match=call.if_match
    )
    return Answer(context.method.output, {"details": render_details(details)})


def answer_reset(level: Level, request: Incoming, context: Context) -> Answer:
    """Remove all of the owner's own settings."""
    call = current.get()
    owner = _owner(call, Action.DELETE, level, request)
    details = reset_features(
        owner, actor=call.caller.actor, origin=call.origin, if_match=call.if_match
    )
    return Answer(context.method.output, {"details": render_details(details)})


def answer_get(level: Level, request: Incoming, context: Context) -> Answer:
    """Return the owner's own settings or, with inheritance, the effective ones."""
    call = current.get()
    inheritance = request.fields.get("inheritance", False)
    action = Action.READ if inheritance is False else Action.EFFECTIVE
    owner = _owner(call, action, level, request)
    if not isinstance(inheritance, bool):
        raise ValidationError({"inheritance": "must be true or false"})
    features = get_features(owner, inheritance=inheritance)
    output = context.method.output
    return Answer(output, _render_features(features, output.DESCRIPTOR))


def answer_set_instance_feature(request: Incoming, context: Context) -> Answer:
    """Set one feature of any instance, for operators of the system."""
    call = current.get()
    caller = call.caller
    instance = find_permitted_instance(caller, _text(request.fields, "instance_id"))
    feature_id = str(_field(request.fields, "feature_id", "INSTANCE_FEATURE_UNSPECIFIED"))
    definition = parse_feature_id(feature_id, definitions_at(caller.revision))
    value = {name: raw for name, raw in request.fields.items() if name == "bool"}
    details = set_features(
        instance,
        {definition.key: parse_single_value(definition, value)},
        actor=caller.actor,
        origin=call.origin,
    )
    return Answer(context.method.output, {"details": render_details(details, with_creation=True)})


def answer_get_security(request: Incoming, context: Context) -> Answer:
    """Return the security settings of the instance, the defaults when nobody set any."""
    caller = current.get().caller
    require(caller.actor, READ, caller.instance)
    settings, details = get_security_settings(caller.instance)
    return Answer(context.method.output, render_answer(settings, details))


def answer_set_security(request: Incoming, context: Context) -> Answer:
    """Replace the security settings of the instance; what is absent becomes off or empty."""
    call = current.get()
    caller = call.caller
    require(caller.actor, WRITE, caller.instance)
    details = set_security_settings(
        caller.instance,
        parse_settings(request.fields),
        actor=caller.actor,
        origin=call.origin,
        if_match=call.if_match,
    )
    return Answer(context.method.output, {"details": render_details(details)})


def _owner(call: Call, action: Action, level: Level, request: Incoming) -> Owner:
    """Return the owner meant. Where the host says which, nothing of the message is read."""
    caller = call.caller
    has_id = level in {Level.ORGANIZATION, Level.USER}
    public_id = _text(request.fields, f"{level.label}_id") if has_id else ""
    return find_permitted_owner(caller, action, level, public_id)


def _change_set_body(level: Level, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body that REST would have been sent: fields and `features` side by side."""
    ids = {f"{level.label}_id", f"{level.label}Id"}
    body = {name: raw for name, raw in fields.items() if name not in ids | {"features"}}
    mapped = fields.get("features", {})
    if not isinstance(mapped, dict):
        raise ValidationError({"features": f"must be an object, not {describe_type(mapped)}"})
    if twice := body.keys() & mapped.keys():
        raise ValidationError({name: f'is the same feature as "{name}"' for name in sorted(twice)})
    return body | mapped


def _render_features(features: FeatureValues, message: Descriptor) -> dict[str, Any]:
    """Return the answer: a feature in the field of its name, or else in `features`."""
    body: dict[str, Any] = {"details": render_details(features.details)}
    mapped: dict[str, Any] = {}
    for feature in features.values:
        definition, effective = feature.definition, feature.effective
        if definition.key in message.fields_by_name and definition.key not in NOT_FEATURES:
            body[definition.json_name] = render_value(definition, effective)
        else:
            source = SOURCES[effective.source]
            mapped[definition.key] = {"value": effective.value, "source": source}
    return body | ({"features": mapped} if mapped else {})


def _text(fields: Mapping[str, Any], name: str) -> str:
    text = _field(fields, name, "")
    if not isinstance(text, str):
        reason = f"must be a string, not {describe_type(text)}"
        raise ValidationError({camel_case(name): reason})
    return text


def _field(fields: Mapping[str, Any], name: str, default: Any) -> Any:
    """Return a field that is no feature, in either spelling. ValidationError for both at once."""
    if name in fields and camel_case(name) in fields:
        raise ValidationError({name: f'is the same field as "{camel_case(name)}"'})
    return fields.get(camel_case(name), fields.get(name, default))
