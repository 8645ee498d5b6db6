"""The definitions, compiled: what the database says about features, ready to work with."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from features.catalogue import BUILTINS, BUILTINS_BY_KEY
from features.kinds import Kind, camel_case, make_kind
from features.models import Feature, Stage
from features.resolution import Rules
from tenancy.levels import Level
from tenancy.revision import current_revision, memo, touch_revision
from tenancy.spelling import did_you_mean
from tenancy.translation import translate

log = logging.getLogger("strata.features")


class UnknownFeature(LookupError):
    """No feature has that name; the message says which is nearest."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        hint = translate(did_you_mean(name, known))
        super().__init__(_('there is no feature "%(name)s"%(hint)s') % {"name": name, "hint": hint})


@dataclass(frozen=True, eq=False)
class Definition:
    """A feature's definition with its kind built and its rules ready for resolution."""

    id: int
    key: str
    json_name: str
    name: str
    description: str
    stage: Stage
    kind: Kind
    rules: Rules
    answer_name: str | None
    is_builtin: bool

    @property
    def shown_name(self) -> str:
        """The name in the reader's language; what an administrator typed stays as it was typed."""
        return _(self.name) if self.is_builtin else self.name

    @property
    def shown_description(self) -> str:
        """What it does, in the reader's language as far as it is built in."""
        return _(self.description) if self.is_builtin else self.description

    @property
    def is_retired(self) -> bool:
        """Whether setting the feature is accepted and does nothing."""
        return self.stage is Stage.RETIRED

    def may_be_set_at(self, level: Level) -> bool:
        """Whether the definition allows an override at that level."""
        return level in self.rules.levels

    def matters_at(self, level: Level) -> bool:
        """Whether it may be set at that level or above it, so that a value can arrive there."""
        return any(allowed <= level for allowed in self.rules.levels)


@dataclass(frozen=True)
class Definitions:
    """All definitions that are not archived, in order."""

    ordered: tuple[Definition, ...]

    @cached_property
    def by_id(self) -> dict[int, Definition]:
        """The definitions by primary key."""
        return {definition.id: definition for definition in self.ordered}

    @cached_property
    def by_name(self) -> dict[str, Definition]:
        """The definitions by key and by JSON name."""
        return {
            name: definition
            for definition in self.ordered
            for name in (definition.json_name, definition.key)
        }

    def get(self, name: str) -> Definition:
        """Return the definition of that key or JSON name. UnknownFeature with the nearest one."""
        try:
            return self.by_name[name]
        except KeyError:
            raise UnknownFeature(name, self.by_name) from None


def compile_definition(row: Feature) -> Definition:
    """Build the definition of one row. InvalidKind when kind and options do not fit."""
    builtin = BUILTINS_BY_KEY.get(row.key)
    kind = make_kind(row.kind, row.options)
    return Definition(
        id=row.pk,
        key=row.key,
        json_name=row.json_name,
        name=row.name,
        description=row.description,
        stage=Stage(row.stage),
        kind=kind,
        rules=Rules(row.default, frozenset(map(Level, row.levels)), row.enabled),
        answer_name=builtin.answer_name if builtin else _custom_answer_name(kind),
        is_builtin=row.builtin,
    )


def compile_definitions(rows: Iterable[Feature]) -> Definitions:
    """Build the definitions of some rows.

    A row that the code does not understand is left out and logged; it takes no other down with it.
    """
    compiled: list[Definition] = []
    for row in rows:
        try:
            compiled.append(compile_definition(row))
        except (TypeError, ValueError):  # InvalidKind, an unknown stage or level
            log.exception("the feature %s is left out", row.key)
    return Definitions(tuple(compiled))


def definitions_at(revision: int) -> Definitions:
    """Return the definitions as of a revision that the caller has read."""
    return memo.get(revision, "definitions", _load)


def current_definitions() -> Definitions:
    """Return the definitions as of now, at the cost of one query for the revision."""
    return definitions_at(current_revision())


def synchronise_builtins() -> None:
    """Write the catalogue into the definitions, keeping what administrators may change of a row."""
    rows = [
        Feature(
            key=builtin.key,
            json_name=camel_case(builtin.key),
            name=builtin.name,
            description=builtin.description,
            kind=builtin.kind.name,
            options=builtin.kind.options(),
            default=builtin.default,
            levels=[level.value for level in builtin.levels],
            stage=builtin.stage,
            builtin=True,
            position=position,
        )
        for position, builtin in enumerate(BUILTINS)
    ]
    kept = {"key", "enabled", "expires_on", "archived_at", "created_at"}
    written = [f.name for f in Feature._meta.concrete_fields if f.name not in kept | {"id"}]
    with transaction.atomic():
        Feature.objects.bulk_create(
            rows, update_conflicts=True, unique_fields=["key"], update_fields=written
        )
        touch_revision()


def _load() -> Definitions:
    return compile_definitions(Feature.objects.filter(archived_at=None))


def _custom_answer_name(kind: Kind) -> Any:
    return "enabled" if kind.name == "boolean" else "value"
