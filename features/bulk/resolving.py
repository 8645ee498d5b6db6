"""Finding the owners that the staged rows mean, by joins, and what rows say twice."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _

from access.reports import Fault
from features.bulk.staging import EXACT, Staging
from features.bulk.wanted import Action, OwnerKey, Wanted
from features.bulk.workspace import (
    analyze,
    count,
    execute,
    fetch_one,
    in_chunks,
    load,
    load_faults,
    stream,
    temporary_writes,
)
from features.definitions import Definition
from features.models import OVERRIDES
from tenancy.levels import Level
from tenancy.models import Instance, Organization, System, User
from tenancy.spelling import did_you_mean
from tenancy.translation import translate

BEHIND_ALL_LINES = 10**12
HINTS = 20  # unknown owners for which the nearest known one is looked up


@dataclass(frozen=True)
class OwnerTable:
    """How an owner of a level is found, and what is above it. ``i`` is the row, ``o`` the owner."""

    level: Level
    join: str
    organization: str  # primary keys of the lineage
    instance: str
    instance_text: str  # the stream's texts
    owner_text: str

    @property
    def name(self) -> str:
        """The table's name."""
        return f"tenancy_{self.level.label}"

    @property
    def instance_join(self) -> str:
        """The join of the owner's instance, where the texts need it."""
        is_needed = self.instance_text.startswith("n.")
        return "JOIN tenancy_instance n ON n.id = o.instance_id" if is_needed else ""


_IN_INSTANCE = "o.instance_id = i.instance_id AND o.public_id = i.owner"
OWNER_TABLES = {
    Level.SYSTEM: (
        OwnerTable(Level.SYSTEM, "JOIN tenancy_system o ON o.id = 1", "NULL", "NULL", "''",
                   "'SYSTEM'"),
    ),
    Level.INSTANCE: (
        OwnerTable(Level.INSTANCE, "JOIN tenancy_instance o ON o.public_id = i.owner", "NULL",
                   "o.id", "o.public_id", "o.public_id"),
    ),
    Level.ORGANIZATION: (
        OwnerTable(Level.ORGANIZATION,
                   f"JOIN tenancy_organization o ON {_IN_INSTANCE} "
                   "JOIN tenancy_instance n ON n.id = o.instance_id",
                   "o.id", "o.instance_id", "n.public_id", "o.public_id"),
    ),
    Level.USER: (
        OwnerTable(Level.USER,
                   f"JOIN tenancy_user o ON {_IN_INSTANCE} "
                   "JOIN tenancy_instance n ON n.id = o.instance_id",
                   "o.organization_id", "o.instance_id", "n.public_id", "o.public_id"),
        OwnerTable(Level.USER,  # the operators, who belong to no instance
                   "JOIN tenancy_user o ON o.instance_id IS NULL AND i.instance_id IS NULL "
                   "AND o.public_id = i.owner",
                   "NULL", "NULL", "''", "o.public_id"),
    ),
}  # fmt: skip


def resolve_owners(staging: Staging) -> None:
    """Fill bulk_target; rows whose owner does not exist, or is out of reach, become faults."""
    analyze("bulk_input", "bulk_choice")
    with temporary_writes():
        _fill_targets(staging)
        _drop_unreachable(staging)
    if count("bulk_target") < count("bulk_input"):
        _try_other_meanings(staging)
    analyze("bulk_target")


def add_absent(staging: Staging, instances: list[int], sections: set[str]) -> None:
    """Add what owners set and no row speaks of, to be reset: of the instances and sections only."""
    inside = f"v.instance_id IN ({', '.join(map(str, instances)) or 'NULL'})"
    scopes = {
        Level.SYSTEM: ["true"] if "system" in sections else [],
        Level.INSTANCE: [inside.replace("v.instance_id", "v.owner_id")],
        Level.ORGANIZATION: [inside],
        Level.USER: [inside, *(["v.instance_id IS NULL"] if "operators" in sections else [])],
    }
    for level, conditions in scopes.items():
        for table, condition in zip(OWNER_TABLES[level], conditions, strict=False):
            for definition in staging.definitions.ordered:
                if definition.may_be_set_at(level) and not definition.is_retired:
                    _add_absent_feature(staging, table, definition, condition)
    analyze("bulk_target")


def _add_absent_feature(
    staging: Staging, table: OwnerTable, definition: Definition, condition: str
) -> None:
    rows = f"""
        FROM {OVERRIDES[table.level]._meta.db_table} v
        JOIN {table.name} o ON o.id = v.owner_id {table.instance_join}
        LEFT JOIN bulk_target t ON t.level = {table.level.value} AND t.owner_id = o.id
            AND t.feature_id = v.feature_id
        WHERE v.feature_id = {definition.id} AND t.line IS NULL AND {condition}
    """
    if not fetch_one(f"SELECT 1 {rows} LIMIT 1"):
        return
    choice = staging.add_choice(table.level, definition, Wanted(Action.INHERIT))
    execute(
        f"""
        INSERT INTO bulk_target
        SELECT {table.level.value}, o.id, v.feature_id, {BEHIND_ALL_LINES + definition.id},
            {choice}, {table.organization}, {table.instance}, {table.instance_text},
            {table.owner_text}
        {rows}
        """
    )


def settle_duplicates() -> int:
    """Keep one of several rows that ask the same of one override; return how many are gone.

    Rows that contradict each other become faults, and none of them stays.
    """
    grouped = (
        "SELECT level, owner_id, feature_id, min(line) AS line FROM bulk_target "
        "GROUP BY level, owner_id, feature_id HAVING count(*) > 1"
    )
    execute(f"CREATE TEMPORARY TABLE bulk_twice AS {grouped}")
    try:
        return _settle() if count("bulk_twice") else 0
    finally:
        execute("DROP TABLE bulk_twice")


def _fill_targets(staging: Staging) -> None:
    for level in sorted(staging.levels):
        for table in OWNER_TABLES[level]:
            execute(
                f"""
                INSERT INTO bulk_target
                SELECT {level.value}, o.id, c.feature_id, i.line, i.choice, {table.organization},
                    {table.instance}, {table.instance_text}, {table.owner_text}
                FROM bulk_input i
                JOIN bulk_choice c ON c.id = i.choice AND c.level = {level.value}
                {table.join}
                """
            )


def _drop_unreachable(staging: Staging) -> None:
    """Take the owners away that whoever asks may not change; then they are unknown like others."""
    for level in sorted(staging.levels) if staging.reach else ():
        condition = staging.reach.targets(level) if staging.reach else "true"
        if condition != "true":
            execute(
                f"DELETE FROM bulk_target WHERE level = {level.value} AND ({condition}) IS NOT TRUE"
            )


def _try_other_meanings(staging: Staging) -> None:
    """Look the remaining rows up by every other meaning of their texts; then they are faults."""
    execute(
        """
        CREATE TEMPORARY TABLE bulk_unresolved AS
        SELECT i.line, i.choice, c.level, i.owner, coalesce(i.written, i.owner) AS written
        FROM bulk_input i JOIN bulk_choice c ON c.id = i.choice
        LEFT JOIN bulk_target t ON t.line = i.line WHERE t.line IS NULL
        """
    )
    execute("DELETE FROM bulk_input")
    hints = HINTS
    for rows in in_chunks(stream("bulk_unresolved", "line, choice, level, owner, written", "line")):
        meanings = {
            row: list(staging.finder.meanings(Level(row[2]).label, row[4]))
            if row[4] != EXACT
            else []
            for row in rows
        }
        known = {
            level: _existing(
                staging,
                level,
                [key for row in rows if row[2] == level for key in meanings[row]],
            )
            for level in {row[2] for row in rows}
        }
        found, faults = [], []
        for row in rows:
            line, choice, level, owner, written = row
            key = next((key for key in meanings[row] if key in known[level]), None)
            if key:
                found.append((line, choice, *key, None))
                continue
            hint = _nearest_owner(staging, Level(level), meanings[row]) if hints > 0 else ""
            hints -= 1
            message = _('there is no %(level)s "%(name)s"%(hint)s') % {
                "level": _(Level(level).label),
                "name": written or owner,
                "hint": translate(hint),
            }
            faults.append(Fault("unknown_owner", message, line))
        load("bulk_input", found)
        load_faults(faults)
    execute("DROP TABLE bulk_unresolved")
    if count("bulk_input"):
        _fill_targets(staging)


def _existing(staging: Staging, level: int, keys: list[OwnerKey]) -> set[OwnerKey]:
    """Return those of the keys that an owner of the level has, as far as anybody asking reaches."""
    reached = _reached(staging, Level(level))
    if level == Level.SYSTEM:
        return set(keys) if System.objects.filter(reached).exists() else set()
    if level == Level.INSTANCE:
        ids = [key.public_id for key in keys]
        instances = Instance.objects.filter(reached, public_id__in=ids)
        found = instances.values_list("public_id", flat=True)
        return {OwnerKey(None, public_id) for public_id in found}
    model: Any = User if level == Level.USER else Organization
    existing: set[OwnerKey] = set()
    for instance in {key.instance for key in keys}:
        ids = [key.public_id for key in keys if key.instance == instance]
        found = model.objects.filter(reached, instance=instance, public_id__in=ids)
        existing |= {
            OwnerKey(instance, public_id) for public_id in found.values_list("public_id", flat=True)
        }
    return existing


def _reached(staging: Staging, level: Level) -> Q:
    return staging.reach.owners(level) if staging.reach else Q()


def _nearest_owner(staging: Staging, level: Level, meanings: list[OwnerKey]) -> str:
    """Return a hint at an owner of the level whose id begins alike, or the empty text."""
    for key in meanings:
        model: Any = {Level.INSTANCE: Instance, Level.ORGANIZATION: Organization}.get(level, User)
        reached = _reached(staging, level)
        nearby = model.objects.filter(reached, public_id__istartswith=key.public_id[:2])
        if level is not Level.INSTANCE:
            nearby = nearby.filter(instance=key.instance)
        ids = list(nearby.order_by("public_id").values_list("public_id", flat=True)[:500])
        if hint := did_you_mean(key.public_id, ids):
            return hint
    return ""


def _settle() -> int:
    """Remove what bulk_twice names: all of a contradiction, all but the first of an agreement."""
    same = "d.level = t.level AND d.owner_id = t.owner_id AND d.feature_id = t.feature_id"
    execute(
        f"""
        CREATE TEMPORARY TABLE bulk_repeat AS
        SELECT t.level, t.owner_id, t.feature_id, t.line, d.line AS first_line,
            CASE WHEN c.action = f.action AND coalesce(c.canonical, '') = coalesce(f.canonical, '')
                AND coalesce(c.locked, false) = coalesce(f.locked, false)
                THEN 1 ELSE 0 END AS agrees
        FROM bulk_target t JOIN bulk_twice d ON {same}
        JOIN bulk_target t0 ON t0.level = d.level AND t0.owner_id = d.owner_id
            AND t0.feature_id = d.feature_id AND t0.line = d.line
        JOIN bulk_choice c ON c.id = t.choice JOIN bulk_choice f ON f.id = t0.choice
        WHERE t.line > d.line
        """
    )
    execute(
        """
        INSERT INTO bulk_fault
        SELECT r.line, 'contradiction', 'contradicts line ' || r.first_line || ', which asks '
            || 'something else of the same owner and feature'
        FROM bulk_repeat r WHERE r.agrees = 0
        """
    )
    execute(
        """
        DELETE FROM bulk_target WHERE EXISTS (
            SELECT 1 FROM bulk_repeat t WHERE t.level = bulk_target.level
            AND t.owner_id = bulk_target.owner_id AND t.feature_id = bulk_target.feature_id
            AND (t.line = bulk_target.line OR t.agrees = 0)
        )
        """
    )
    agreed = fetch_one("SELECT count(*) FROM bulk_repeat WHERE agrees = 1")[0]
    execute("DROP TABLE bulk_repeat")
    return int(agreed)
