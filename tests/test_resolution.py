"""Which value counts: the corpus, and a reference that goes another way to the same answer."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.resolution import Effective, Override, Rules, locking_level, resolve
from tenancy.levels import OWNED_LEVELS, Level

pytestmark = pytest.mark.once

CASES = json.loads((Path(__file__).parent / "cases/resolution.json").read_text())

VALUES = st.booleans() | st.integers(0, 3) | st.lists(st.integers(0, 3), max_size=2)
OVERRIDES = st.dictionaries(
    st.sampled_from(OWNED_LEVELS), st.builds(Override, VALUES, st.booleans())
)
RULES = st.builds(
    Rules,
    VALUES,
    st.frozensets(st.sampled_from(OWNED_LEVELS)),
    st.sampled_from([True, True, False]),
)


def as_level(name):
    return None if name is None else Level[name.upper()]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_resolve__corpus__gives_value_source_and_lock(case):
    rules = dict(case["rules"])
    if "levels" in rules:
        rules["levels"] = frozenset(map(as_level, rules["levels"]))
    overrides = {
        as_level(level): Override(**override)
        for level, override in case["overrides"].items()
        if override is not None
    }

    effective = resolve(Rules(**rules), overrides)

    assert effective == Effective(
        case["value"], as_level(case["source"]), as_level(case["locked_by"])
    )


def resolve_by_reference(rules: Rules, overrides: dict[Level, Override]) -> Effective:
    """Ask for the highest lock first, then upwards from the nearest level for a value."""
    usable = sorted(level for level in overrides if rules.enabled and level in rules.levels)
    for level in usable:
        if overrides[level].locked:
            return Effective(overrides[level].value, level, level)
    for level in reversed(usable):
        return Effective(overrides[level].value, level)
    return Effective(rules.default, Level.DEFAULT)


@given(RULES, OVERRIDES)
def test_resolve__anything__agrees_with_a_plain_loop(rules, overrides):
    assert resolve(rules, overrides) == resolve_by_reference(rules, overrides)


@given(RULES, OVERRIDES, st.sampled_from(OWNED_LEVELS))
def test_locking_level__anything__is_the_highest_lock_above(rules, overrides, below):
    locks = [
        level
        for level in OWNED_LEVELS
        if level < below
        and level in rules.levels
        and level in overrides
        and overrides[level].locked
    ]

    assert locking_level(rules, overrides, below) == (locks[0] if locks else None)
