"""Allowed origins: one spelling for each, and a reason for everything that is none."""

import json
from pathlib import Path

import pytest

from security.headers import content_security_policy
from security.origins import MAX_ORIGINS, BadOrigin, parse_origin, parse_origins
from security.settings import SecuritySettings

pytestmark = pytest.mark.once

CASES = json.loads((Path(__file__).parent / "cases" / "origins.json").read_text())


@pytest.mark.parametrize(("text", "origin"), CASES["accepted"])
def test_origin__good__has_one_spelling(text, origin):
    assert parse_origin(text) == origin
    assert parse_origin(origin) == origin


@pytest.mark.parametrize(("text", "reason"), CASES["refused"])
def test_origin__hostile__is_refused_with_a_reason(text, reason):
    with pytest.raises(BadOrigin) as refusal:
        parse_origin(text)

    assert reason in str(refusal.value)


def test_origins__several_bad__each_is_named_by_its_place():
    origins, problems = parse_origins(
        ["https://a.example", "null", "HTTPS://A.example:443/", 7], "origins"
    )

    assert origins == ("https://a.example",)
    assert list(problems) == ["origins[1]", "origins[2]", "origins[3]"]
    assert problems["origins[2]"] == "is the same origin as origins[0]: https://a.example"


@pytest.mark.parametrize("raw", [None, "https://a.example", {"0": "https://a.example"}, 1, True])
def test_origins__no_list__is_refused(raw):
    assert parse_origins(raw, "origins") == ((), {"origins": "must be a list of origins"})


def test_origins__one_more_than_allowed__is_refused():
    entries = [f"https://a{number}.example" for number in range(MAX_ORIGINS + 1)]

    assert parse_origins(entries[:-1], "origins") == (tuple(entries[:-1]), {})
    assert parse_origins(entries, "origins") == (
        (),
        {"origins": "must have at most 100 origins, not 101"},
    )


def test_origins__every_good_one__stays_one_source_of_the_policy():
    origins = tuple({origin: None for _, origin in CASES["accepted"]})

    policy = content_security_policy(SecuritySettings(True, origins))

    *_, ancestors = policy.split("; ")
    assert ancestors.split(" ") == ["frame-ancestors", *origins]
