"""The kinds: what each takes, in which form it stores it, and how it says what is wrong."""

import json
import re
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.settings import BASE_DIR
from features.catalogue import BUILTINS
from features.kinds import KINDS as KINDS_BY_NAME
from features.kinds import InvalidKind, InvalidValue, make_kind

pytestmark = pytest.mark.once

CASES = json.loads((Path(__file__).parent / "cases/kinds.json").read_text())
BAD_KINDS = json.loads((Path(__file__).parent / "cases/bad_kinds.json").read_text())
KINDS = [make_kind(case["kind"], case.get("options", {})) for case in CASES]

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters())
RAW = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()), inner)
)
NAMES = st.sampled_from(["red", "green", 1, 2, 3])
LOGIN = st.dictionaries(
    st.sampled_from(["required", "baseUri", "base_uri"]),
    st.booleans() | st.sampled_from(["", "https://example.com", "/x"]),
)


def spread(group):
    """Return a pytest parameter for each entry of that group of every case."""
    return [
        pytest.param(kind, *entry, id=f"{case['name']}: {json.dumps(entry[0])[:40]}")
        for case, kind in zip(CASES, KINDS, strict=True)
        for entry in case.get(group, [])
    ]


def stored_or_none(parse, raw):
    """Return the stored form, or None, which no kind stores, for what is refused as it should."""
    try:
        return parse(raw)
    except InvalidValue:
        return None


@pytest.mark.parametrize(("kind", "raw", "stored"), spread("valid"))
def test_parse__valid_value__gives_the_stored_form(kind, raw, stored):
    parsed = kind.parse(raw)

    assert json.dumps(parsed) == json.dumps(stored)
    assert json.dumps(kind.parse(parsed)) == json.dumps(stored)


@pytest.mark.parametrize(("kind", "raw", "problems"), spread("invalid"))
def test_parse__invalid_value__names_every_fault(kind, raw, problems):
    with pytest.raises(InvalidValue) as raised:
        kind.parse(raw)

    assert [list(problem) for problem in raised.value.problems] == problems


@pytest.mark.parametrize(("kind", "text", "stored"), spread("texts"))
def test_parse_text__valid_text__gives_the_stored_form(kind, text, stored):
    assert json.dumps(kind.parse_text(text)) == json.dumps(stored)


@pytest.mark.parametrize(("kind", "text", "message"), spread("bad_texts"))
def test_parse_text__invalid_text__says_what_is_wrong(kind, text, message):
    with pytest.raises(InvalidValue) as raised:
        kind.parse_text(text)

    assert str(raised.value) == message


@pytest.mark.parametrize(("name", "options", "message"), BAD_KINDS)
def test_make_kind__unfit_options__are_refused_with_a_sentence(name, options, message):
    with pytest.raises(InvalidKind) as raised:
        make_kind(name, options)

    assert message in str(raised.value)


@pytest.mark.parametrize("kind", KINDS, ids=[case["name"] for case in CASES])
def test_make_kind__options_of_a_kind__make_it_again(kind):
    options = json.loads(json.dumps(kind.options()))

    assert make_kind(kind.name, options) == kind


@pytest.mark.parametrize("builtin", BUILTINS, ids=lambda builtin: builtin.key)
def test_catalogue__default__is_in_the_stored_form(builtin):
    assert builtin.kind.parse(builtin.default) == builtin.default


@given(RAW | st.lists(NAMES) | LOGIN)
def test_parse__any_json__is_stored_in_one_form_or_refused(raw):
    for kind in KINDS:
        stored = stored_or_none(kind.parse, raw)
        if stored is not None:
            assert json.dumps(kind.parse(stored)) == json.dumps(stored)


@given(st.text(st.characters()))
def test_parse_text__any_text__is_stored_or_refused(text):
    for kind in KINDS:
        stored = stored_or_none(kind.parse_text, text)
        if stored is not None:
            assert json.dumps(kind.parse(stored)) == json.dumps(stored)


def test_parse__default_of_a_schema__is_not_shared_between_values():
    kind = make_kind(
        "object", {"schema": {"type": "object", "properties": {"tags": {"default": ["a"]}}}}
    )

    kind.parse({})["tags"].append("b")

    assert kind.parse({}) == {"tags": ["a"]}


@pytest.mark.parametrize("wrap", [lambda inner: [inner], lambda inner: {"a": inner}])
def test_parse__bottomless_value__is_refused(wrap):
    raw: object = {}
    for _ in range(5000):
        raw = wrap(raw)

    with pytest.raises(InvalidValue, match="nesting deeper than 32"):
        make_kind("object", {}).parse({"a": raw})


def test_parse_text__bottomless_text__is_refused():
    with pytest.raises(InvalidValue, match="is not JSON"):
        make_kind("object", {}).parse_text('{"a":' * 100_000)


def test_parse__huge_object__is_refused():
    with pytest.raises(InvalidValue, match="at most 10000 characters as JSON"):
        make_kind("object", {}).parse({"a": "x" * 10_000})


def test_parse__object_that_its_default_makes_huge__is_refused():
    text = {"type": "string", "default": "x" * 9000}
    schema = {"type": "object", "properties": {"a": text}}

    with pytest.raises(InvalidValue, match="at most 10000 characters as JSON"):
        make_kind("object", {"schema": schema}).parse({"b": "x" * 2000})


def test_parse__thousands_of_faults__names_the_first_fifty():
    kind = make_kind("choice_set", {"choices": ["red", "green"]})

    with pytest.raises(InvalidValue) as raised:
        kind.parse(["rad"] * 100_000)

    assert [path for path, _ in raised.value.problems] == [f"[{i}]" for i in range(50)]


def test_parse__pattern_that_backtracks__ends():
    pattern = {"type": "string", "pattern": "^(a+)+$"}
    kind = make_kind("object", {"schema": {"type": "object", "properties": {"text": pattern}}})

    with pytest.raises(InvalidValue) as raised:
        kind.parse({"text": "a" * 9000 + "!"})

    assert raised.value.problems == ((".text", "does not match the pattern ^(a+)+$"),)


def test_make_kind__definitions_that_double_each_other__are_refused():
    doubling = {
        f"d{i}": {"allOf": [{"$ref": f"#/$defs/d{i - 1}"}, {"$ref": f"#/$defs/d{i - 1}"}]}
        for i in range(1, 20)
    }
    schema = {"type": "object", "$defs": {"d0": {}, **doubling}, "$ref": "#/$defs/d19"}

    with pytest.raises(InvalidKind, match="more than 500 parts, references followed"):
        make_kind("object", {"schema": schema})


def test_make_kind__long_schema__is_refused():
    with pytest.raises(InvalidKind, match="longer than 20000 characters"):
        make_kind("object", {"schema": {"type": "object", "description": "x" * 20_000}})


def test_make_kind__deep_schema__is_refused():
    schema: dict[str, object] = {"type": "object"}
    for _ in range(2000):
        schema = {"type": "object", "not": schema}

    with pytest.raises(InvalidKind, match="that JSON holds"):
        make_kind("object", {"schema": schema})


DOCUMENT = (BASE_DIR / "docs/kinds.md").read_text()


@pytest.mark.parametrize("name", KINDS_BY_NAME)
def test_document__each_kind__is_listed_with_its_options(name):
    row = next(line for line in DOCUMENT.splitlines() if line.startswith(f"| `{name}` |"))

    options = re.findall(r"`(\w+)`", row.rsplit("|", 2)[1])

    assert options == [option.name for option in fields(KINDS_BY_NAME[name])]


def test_document__schema_of_the_example__takes_what_the_text_says():
    schema = json.loads(DOCUMENT.split("```json")[1].split("```")[0])
    kind = make_kind("object", {"schema": schema})

    stored = kind.parse({"baseUri": "", "ports": [80], "host": "a-1.example"})

    assert stored == {"required": False, "ports": [80], "host": "a-1.example"}


@pytest.mark.parametrize("keyword", re.findall(r"`([$\w]+)`", DOCUMENT.split("`http-uri`. ")[1]))
def test_document__keyword_named_as_refused__is_refused(keyword):
    value = "a" if keyword.startswith("$") else {}

    with pytest.raises(InvalidKind, match="is not supported"):
        make_kind("object", {"schema": {"type": "object", keyword: value}})
