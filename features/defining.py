"""The one door to definitions: defining a feature, editing, archiving and restoring it.

Every change is recorded in the definition's own stream, with the fields that it changed, and
touches the revision, so that every process compiles the definitions anew.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Count, Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from events.services import Author, Entry, Origin, StreamKey, append
from features.definitions import UnknownFeature
from features.kinds import InvalidKind, InvalidValue, Kind, camel_case, make_kind
from features.models import OVERRIDES, Feature, Stage
from features.raw import is_same_json, is_storable_text
from tenancy.levels import OWNED_LEVELS, Level
from tenancy.revision import touch_revision
from tenancy.spelling import did_you_mean
from tenancy.translation import translate
from tenancy.uniqueness import AlreadyExists

KEY = re.compile(r"[a-z][a-z0-9_]{0,99}")
RESERVED = {"details", "features"}  # members that answers have beside the features
TAKEN = gettext_lazy("there is such a feature already, or one whose JSON name is the same")
MAX_NAME, MAX_DESCRIPTION = 200, 2000
FIELDS = (
    *("name", "description", "kind", "options", "default", "levels", "stage"),
    *("enabled", "expires_on"),
)
OF_BUILTINS = ("enabled", "expires_on")  # the rest of a built-in comes with the code


def define_feature(
    key: str,
    *,
    kind: str,
    default: Any,
    actor: Author,
    origin: Origin,
    **fields: Any,
) -> Feature:
    """Define a feature: of a kind, with a default, and what else of FIELDS is given.

    ValidationError names every field that is wrong, AlreadyExists a key that is only taken.
    """
    problems = _key_problems(key)
    given = {"kind": kind, "default": default, "name": _name_from(key)} | fields
    row = Feature(key=key, json_name=camel_case(key))
    with transaction.atomic():
        errors: dict[str, Any] = {"key": problems} if problems else {}
        errors |= _assign(row, given)
        if not problems and _is_taken(row):
            raise (
                ValidationError({"key": TAKEN} | errors)
                if errors
                else AlreadyExists({"key": TAKEN})
            )
        if errors:
            raise ValidationError(errors)
        try:
            with transaction.atomic():
                row.save(force_insert=True)
        except IntegrityError:  # since the check
            raise AlreadyExists({"key": TAKEN}) from None
        after = {name: field_as_json(row, name) for name in FIELDS}
        _record(row, Entry("definition.created", row.key, after=after), actor, origin)
    return row


def edit_feature(key: str, changes: Mapping[str, Any], *, actor: Author, origin: Origin) -> Feature:
    """Change the given fields of a definition; what already is so is recorded nowhere.

    UnknownFeature for no such feature. ValidationError where a field is wrong, where a built-in
    would become something else, and where values that are set would no longer fit: with how many.
    """
    with transaction.atomic():
        row = find_feature(key)
        if row.archived_at:
            reason = _("%(feature)s is archived: restore it first")
            raise ValidationError(reason, code="archived", params={"feature": row.key})
        before = {name: field_as_json(row, name) for name in FIELDS}
        errors = _assign(row, changes)
        after = {name: field_as_json(row, name) for name in FIELDS}
        changed = [name for name in FIELDS if not is_same_json(before[name], after[name])]
        if not errors:
            errors = _fit_problems(row, changed, before)
        if errors:
            raise ValidationError(errors)
        if changed:
            row.save(update_fields=changed)
            entry = Entry(
                "definition.changed",
                row.key,
                before={name: before[name] for name in changed},
                after={name: after[name] for name in changed},
            )
            _record(row, entry, actor, origin)
    return row


def enable_feature(key: str, *, actor: Author, origin: Origin) -> Feature:
    """Let the values of a feature count again."""
    return edit_feature(key, {"enabled": True}, actor=actor, origin=origin)


def disable_feature(key: str, *, actor: Author, origin: Origin) -> Feature:
    """Give a feature its default everywhere; what is set stays, and counts when enabled again."""
    return edit_feature(key, {"enabled": False}, actor=actor, origin=origin)


def archive_feature(key: str, *, actor: Author, origin: Origin) -> Feature:
    """Take a feature out of use; its values stay, unseen, until it is restored."""
    with transaction.atomic():
        row = find_feature(key)
        if row.builtin:
            reason = _("%(feature)s is built in: disable it instead")
            raise ValidationError(reason, code="builtin", params={"feature": row.key})
        if row.archived_at is None:
            row.archived_at = timezone.now()
            row.save(update_fields=["archived_at"])
            _record(row, Entry("definition.archived", row.key), actor, origin)
    return row


def restore_feature(key: str, *, actor: Author, origin: Origin) -> Feature:
    """Take an archived feature into use again, with the values that it had."""
    with transaction.atomic():
        row = find_feature(key)
        if row.archived_at is not None:
            row.archived_at = None
            row.save(update_fields=["archived_at"])
            _record(row, Entry("definition.restored", row.key), actor, origin)
    return row


def find_feature(name: str) -> Feature:
    """Return the row of that key or JSON name, archived or not, locked within a transaction.

    UnknownFeature, with the nearest one, for none.
    """
    rows = Feature.objects.filter(Q(key=name) | Q(json_name=name))
    locked = rows.select_for_update() if transaction.get_connection().in_atomic_block else rows
    row = locked.first()
    if row is None:
        raise UnknownFeature(name, Feature.objects.values_list("key", flat=True))
    return row


def count_overrides(row: Feature, levels: Iterable[Level] = OWNED_LEVELS) -> int:
    """Return at how many owners of some levels a feature is set."""
    return sum(OVERRIDES[level]._default_manager.filter(feature=row).count() for level in levels)


def field_as_json(row: Feature, name: str) -> Any:
    """Return a field of a definition as the history keeps it."""
    value = getattr(row, name)
    return value.isoformat() if isinstance(value, date) else value


def _assign(row: Feature, given: Mapping[str, Any]) -> dict[str, Any]:
    """Give a row the fields, checked; return what is wrong with them."""
    errors: dict[str, Any] = {}
    for name, value in given.items():
        if name not in FIELDS:
            hint = translate(did_you_mean(name, FIELDS))
            errors[name] = _("is no field%(hint)s") % {"hint": hint}
        elif row.builtin and name not in OF_BUILTINS:
            errors[name] = _("is built in: only enabled and expires_on can be changed")
        elif problem := _field_problem(name, value):
            errors[name] = problem
        else:
            setattr(row, name, _levels(value) if name == "levels" else value)
    if not errors and given.keys() & {"kind", "options", "default"}:
        errors |= _assign_default(row)
    return errors


def _field_problem(name: str, value: Any) -> str:
    """Return what is wrong with a field by itself, or the empty text."""
    match name:
        case "name" | "description":
            limit = MAX_NAME if name == "name" else MAX_DESCRIPTION
            if not (isinstance(value, str) and is_storable_text(value) and len(value) <= limit):
                return _("must be a text of at most %(count)s characters") % {"count": limit}
            return _("must not be empty") if name == "name" and not value.strip() else ""
        case "options":
            return "" if isinstance(value, dict) else _("must be an object")
        case "levels":
            labels = ", ".join(level.label for level in OWNED_LEVELS)
            reason = _("must be a list of one or more of %(names)s") % {"names": labels}
            return "" if _levels(value) else reason
        case "stage":
            reason = _("must be one of %(names)s") % {"names": ", ".join(Stage.values)}
            return "" if value in Stage.values else reason
        case "enabled":
            return "" if isinstance(value, bool) else _("must be true or false")
        case "expires_on":
            return "" if value is None or isinstance(value, date) else _("must be a date")
    return ""


def _levels(value: Any) -> list[int]:
    """Return the numbers of levels given by number or name, in order; none when one is wrong."""
    if not isinstance(value, list | tuple | set | frozenset):
        return []
    try:
        levels = {Level.from_label(v) if isinstance(v, str) else Level(v) for v in value}
    except (KeyError, ValueError):
        return []
    is_owned = levels <= set(OWNED_LEVELS)
    return [level.value for level in OWNED_LEVELS if level in levels] if is_owned else []


def _assign_default(row: Feature) -> dict[str, Any]:
    """Put kind and default into their stored forms; return what is wrong with them."""
    try:
        kind = make_kind(row.kind, row.options)
    except InvalidKind as error:
        known = "kind" if "is no kind" in str(error) else "options"
        return {known: translate(error)}
    try:
        row.default = kind.parse(row.default)
    except InvalidValue as error:
        return {f"default{path}": translate(reason) for path, reason in error.problems}
    row.options = kind.options()
    return {}


def _fit_problems(row: Feature, changed: list[str], before: Mapping[str, Any]) -> dict[str, str]:
    """Return why what is set would not fit the changed definition, with how many it is."""
    if "kind" in changed and (number := count_overrides(row)):
        reason = _("%(count)s owners set a value of kind %(kind)s: reset them first")
        return {"kind": reason % {"count": number, "kind": before["kind"]}}
    if "levels" in changed:
        left = [Level(number) for number in before["levels"] if number not in row.levels]
        counts = {level: count_overrides(row, [level]) for level in left}
        if number := sum(counts.values()):
            names = _(" and ").join(_(level.label) for level in left if counts[level])
            reason = _("%(count)s owners set it at %(levels)s level: reset them first")
            return {"levels": reason % {"count": number, "levels": names}}
    if "options" in changed and (number := _count_unfit(row, make_kind(row.kind, row.options))):
        reason = _("the values of %(count)s owners would not fit: change them first")
        return {"options": reason % {"count": number}}
    return {}


def _count_unfit(row: Feature, kind: Kind) -> int:
    """Return how many overrides have a value that the kind refuses: each value is tried once."""
    unfit = 0
    for level in OWNED_LEVELS:
        rows: Any = OVERRIDES[level]._default_manager.filter(feature=row)
        counted = rows.values("value").annotate(number=Count("id")).order_by()
        for found in counted.iterator(chunk_size=1000):
            try:
                kind.parse(found["value"])
            except InvalidValue:
                unfit += found["number"]
    return unfit


def _key_problems(key: str) -> list[str]:
    if not KEY.fullmatch(key):
        return [
            _("must be a small letter, then small letters, digits and underscores: 100 at most")
        ]
    if key in RESERVED or camel_case(key) in RESERVED:
        return [_("is reserved: answers have a member of that name")]
    return []


def _is_taken(row: Feature) -> bool:
    names = {row.key, row.json_name}
    return Feature.objects.filter(Q(key__in=names) | Q(json_name__in=names)).exists()


def _name_from(key: str) -> str:
    return key.replace("_", " ").strip().capitalize() or key


def _record(row: Feature, entry: Entry, actor: Author, origin: Origin) -> None:
    append(StreamKey("definition", "", row.key), [entry], actor=actor, origin=origin)
    touch_revision()
