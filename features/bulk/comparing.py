"""The comparison of what is wanted with what is set now, a level at a time, in SQL.

It says in joins what features.planning.plan_changes says for one owner; a property test holds the
two together.
"""

from django.utils.translation import gettext as _

from features.bulk.staging import Staging
from features.bulk.workspace import (
    execute,
    fetch_one,
    is_postgresql,
    sentence_sql,
    text_sql,
)
from features.definitions import Definitions
from features.models import OVERRIDES
from tenancy.levels import OWNED_LEVELS, Level

COMPUTED_FAULTS = "'locked', 'not_set', 'moved', 'stale'"
_PARENT_KEYS = {
    Level.SYSTEM: "1",
    Level.INSTANCE: "t.instance_id",
    Level.ORGANIZATION: "t.organization_id",
}

# Whether the state after differs from the state before.
_DIFFERS = """(
    CASE action WHEN 'inherit' THEN set_now IS NOT NULL
    WHEN 'set' THEN same_value = 0 OR locked_before <> locked_after
    WHEN 'nothing' THEN false
    ELSE set_now IS NOT NULL AND locked_before <> locked_after END)"""


def compute_level(
    level: Level,
    staging: Staging,
    after: tuple[int, int] | None = None,
    until: tuple[int, int] | None = None,
) -> None:
    """Add what would change at one level to bulk_change, and what is refused to bulk_fault."""
    locks = _locking_levels(level, staging)
    judged = _judged(_compared(level, locks, batch_condition(after, until)), locks)
    if locks or staging.has_conditions:
        _add_faults(level, judged, locks)
    _add_changes(level, judged, has_one_feature=len(staging.features[level]) == 1)


def fault_retired_owners(definitions: Definitions) -> None:
    """Refuse the owners of whom nothing but retired features is asked: it would change nothing."""
    message = sentence_sql(
        _("%(feature)s is retired: setting it changes nothing"), feature="c.subject"
    )
    execute(
        f"""
        INSERT INTO bulk_fault
        SELECT t.line, 'retired', {message}
        FROM bulk_target t JOIN bulk_choice c ON c.id = t.choice
        JOIN (
            SELECT t.level, t.owner_id FROM bulk_target t JOIN bulk_choice c ON c.id = t.choice
            GROUP BY t.level, t.owner_id
            HAVING min(CASE WHEN c.action = 'nothing' THEN 1 ELSE 0 END) = 1
        ) idle ON idle.level = t.level AND idle.owner_id = t.owner_id
        """
    )
    execute(
        """
        DELETE FROM bulk_target WHERE line IN (SELECT line FROM bulk_fault WHERE code = 'retired')
        """
    )


def _locking_levels(level: Level, staging: Staging) -> dict[Level, str]:
    """Return the levels above that could lock one of the features, with the features' keys."""
    locking: dict[Level, str] = {}
    for above in OWNED_LEVELS:
        if above >= level:
            break
        ids = ", ".join(
            str(definition.id)
            for definition in staging.definitions.ordered
            if definition.id in staging.features[level] and definition.may_be_set_at(above)
        )
        table = OVERRIDES[above]._meta.db_table
        any_lock = f"SELECT 1 FROM {table} WHERE locked AND feature_id IN ({ids}) LIMIT 1"
        if ids and fetch_one(any_lock):
            locking[above] = ids
    return locking


def batch_condition(after: tuple[int, int] | None, until: tuple[int, int] | None) -> str:
    """Return the condition of the targets behind one owner and up to another."""
    conditions = ["true"]
    if after:
        conditions.append(f"(t.level, t.owner_id) > ({after[0]}, {after[1]})")
    if until:
        conditions.append(f"(t.level, t.owner_id) <= ({until[0]}, {until[1]})")
    return " AND ".join(conditions)


def _compared(level: Level, locks: dict[Level, str], batch: str) -> str:
    """Return the query that sets every target beside its present state, and its locks above."""
    table = OVERRIDES[level]._meta.db_table
    joins = [
        f"LEFT JOIN {table} b ON b.owner_id = t.owner_id AND b.feature_id = t.feature_id",
        f"LEFT JOIN events_stream s ON s.kind = '{level.label}' AND s.instance = t.instance "
        "AND s.owner = t.owner",
    ]
    columns = []
    for above, ids in locks.items():
        name, key = f"l{above.value}", _PARENT_KEYS[above]
        # What this plan unlocks or resets above no longer locks anything.
        joins.append(
            f"LEFT JOIN {OVERRIDES[above]._meta.db_table} {name} ON {name}.owner_id = {key} "
            f"AND {name}.feature_id = t.feature_id AND {name}.locked "
            f"AND t.feature_id IN ({ids}) AND NOT EXISTS ("
            "SELECT 1 FROM bulk_target ut JOIN bulk_choice uc ON uc.id = ut.choice "
            f"WHERE ut.level = {above.value} AND ut.owner_id = {key} "
            "AND ut.feature_id = t.feature_id AND (uc.action IN ('inherit', 'unlock') "
            "OR (uc.action = 'set' AND uc.locked = false)))"
        )
        columns.append(f", {name}.id AS {name}")
    stored = "b.value::text" if is_postgresql() else "b.value"
    wanted = "c.value::text" if is_postgresql() else "c.value"
    canonical = "b.value::text" if is_postgresql() else "canonical_json(b.value)"
    expects = "c.expects::jsonb::text" if is_postgresql() else "c.expects"
    # Texts that differ may still say the same; to find out costs a call on SQLite.
    same_value = f"{stored} = {wanted}"
    if not is_postgresql():
        same_value = f"({same_value} OR (b.value LIKE '{{%%' AND {canonical} = c.canonical))"
    return f"""
        SELECT t.*, c.subject, c.action, c.reason, c.value AS wanted, b.value AS before,
            b.id AS set_now, coalesce(b.locked, false) AS locked_before,
            CASE WHEN b.id IS NOT NULL AND {same_value} THEN 1 ELSE 0 END AS same_value,
            CASE c.action WHEN 'lock' THEN true WHEN 'unlock' THEN false WHEN 'inherit' THEN false
                ELSE coalesce(c.locked, b.locked, false) END AS locked_after,
            CASE WHEN c.has_expectation AND (coalesce({canonical}, '') <> coalesce({expects}, '')
                OR coalesce(b.locked, false) <> c.expects_locked) THEN 1 ELSE 0 END AS has_moved,
            coalesce(s.sequence, 0) AS expected, c.sequence AS planned{"".join(columns)}
        FROM bulk_target t JOIN bulk_choice c ON c.id = t.choice
        {" ".join(joins)}
        WHERE t.level = {level.value} AND {batch}
    """


def _judged(compared: str, locks: dict[Level, str]) -> str:
    """Return the query that adds the code of why a compared row is refused, or NULL."""
    locked = " OR ".join(f"l{above.value} IS NOT NULL" for above in locks) or "false"
    return f"""
        SELECT compared.*, CASE
            WHEN planned <> expected THEN 'stale'
            WHEN has_moved = 1 AND {_DIFFERS} THEN 'moved'
            WHEN action IN ('lock', 'unlock') AND set_now IS NULL THEN 'not_set'
            WHEN (action = 'set' AND same_value = 0 OR locked_after AND NOT locked_before)
                AND ({locked}) THEN 'locked'
            END AS refusal
        FROM ({compared}) AS compared
    """


def _add_faults(level: Level, judged: str, locks: dict[Level, str]) -> None:
    cases = " ".join(
        f"WHEN l{above.value} IS NOT NULL THEN {text_sql(_(above.label))}" for above in locks
    )
    lock_name = f"CASE {cases} ELSE '' END" if cases else "''"
    locked = _("%(feature)s is locked at %(level)s level")
    stale = _("%(feature)s: %(owner)s stands at %(number)s instead of %(planned)s")
    not_set = _("%(feature)s is not set here: set a value, then lock it")
    moved = _("%(feature)s has been changed since: it stays as it is")
    owner = f"'{level.label} ' || owner"
    execute(
        f"""
        INSERT INTO bulk_fault
        SELECT line, refusal, CASE refusal
            WHEN 'locked' THEN {sentence_sql(locked, feature="subject", level=lock_name)}
            WHEN 'stale' THEN {
            sentence_sql(
                stale, feature="subject", owner=owner, number="expected", planned="planned"
            )
        }
            WHEN 'not_set' THEN {sentence_sql(not_set, feature="subject")}
            ELSE {sentence_sql(moved, feature="subject")} END
        FROM ({judged}) AS judged WHERE refusal IS NOT NULL
        """
    )


def _add_changes(level: Level, judged: str, *, has_one_feature: bool) -> None:
    nth, total = "1", "1"
    if not has_one_feature:
        nth = "row_number() OVER (PARTITION BY owner_id ORDER BY line)"
        total = "count(*) OVER (PARTITION BY owner_id)"
    execute(
        f"""
        INSERT INTO bulk_change (line, level, owner_id, feature_id, kind, instance, owner,
            expected, nth, total, type, subject, before, after, locked_before, locked_after, reason,
            instance_key, organization_key)
        SELECT line, level, owner_id, feature_id, '{level.label}', instance, owner, expected,
            {nth}, {total},
            CASE WHEN action = 'inherit' THEN 'features.reset'
                WHEN same_value = 0 AND action = 'set' THEN 'features.set'
                WHEN locked_after THEN 'features.lock' ELSE 'features.unlock' END,
            subject, before,
            CASE action WHEN 'inherit' THEN NULL WHEN 'set' THEN wanted ELSE before END,
            locked_before, locked_after, reason, instance_id, organization_id
        FROM ({judged}) AS judged WHERE refusal IS NULL AND {_DIFFERS}
        ORDER BY owner_id, line
        """
    )
