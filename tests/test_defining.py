"""Definitions: defining, editing, archiving, restoring; what is refused, and the record of it."""

import json
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from access.commands import Exit
from events.models import Event
from features.defining import (
    archive_feature,
    define_feature,
    disable_feature,
    edit_feature,
    restore_feature,
)
from features.definitions import UnknownFeature, current_definitions
from features.models import Feature
from features.services import explain, set_features
from tests.factories import BY
from tests.test_features_bulk import shell

pytestmark = pytest.mark.django_db


def make(key="theme", **fields):
    return define_feature(
        key, **{"kind": "choice", "options": {"choices": ["dark", "light"]}} | fields, **BY
    )


def test_define__feature__works_at_once_and_is_recorded(cast):
    make(default="dark")

    set_features(cast.alice, {"theme": "light"}, **BY)
    assert explain(cast.alice, "theme").effective.value == "light"
    event: Any = Event.objects.get(type="definition.created")
    assert (event.stream.kind, event.stream.owner, event.after["default"]) == (
        "definition",
        "theme",
        "dark",
    )


@pytest.mark.parametrize(
    ("key", "fields", "field"),
    [
        ("Theme", {}, "key"),
        ("1a", {}, "key"),
        ("a" * 101, {}, "key"),
        ("théme", {}, "key"),
        ("details", {}, "key"),
        ("features", {}, "key"),
        ("login_v2", {}, "key"),
        ("login_v_2", {}, "key"),
        ("theme", {"kind": "colour"}, "kind"),
        ("theme", {"options": {"choices": []}}, "options"),
        ("theme", {"options": {"x": 1}}, "options"),
        ("theme", {"default": "blue"}, "default"),
        ("theme", {"levels": []}, "levels"),
        ("theme", {"levels": ["planet"]}, "levels"),
        ("theme", {"levels": [1]}, "levels"),
        ("theme", {"stage": "late"}, "stage"),
        ("theme", {"name": " "}, "name"),
        ("theme", {"name": "x" * 201}, "name"),
        ("theme", {"colour": 1}, "colour"),
    ],
)
def test_define__wrong_field__is_named(db, key, fields, field):
    with pytest.raises(ValidationError) as caught:
        make(key, **{"default": "dark"} | fields)

    assert list(caught.value.message_dict) == [field]
    assert not Event.objects.filter(type="definition.created").exists()


def test_define__json_name_taken__is_refused(db):
    make("a_b", default="dark")

    with pytest.raises(ValidationError):
        make("a__b", default="dark")


def test_edit__values_that_are_set__must_still_fit(cast):
    make(default="dark")
    set_features(cast.alice, {"theme": "light"}, **BY)
    set_features(cast.acme, {"theme": "light"}, **BY)

    refused: list[tuple[dict[str, Any], str]] = [
        ({"kind": "boolean", "options": {}, "default": False}, "2 owners set a value of kind"),
        ({"options": {"choices": ["dark"]}}, "the values of 2 owners would not fit"),
        ({"levels": ["system", "user"]}, "1 owners set it at organization level"),
    ]
    for changes, said in refused:
        with pytest.raises(ValidationError, match=said):
            edit_feature("theme", changes, **BY)

    edit_feature("theme", {"options": {"choices": ["dark", "light", "dim"]}, "name": "T"}, **BY)
    event: Any = Event.objects.get(type="definition.changed")
    assert set(event.after) == {"options", "name"}
    assert Feature.objects.get(key="theme").name == "T"


def test_edit__nothing_different__is_recorded_nowhere(db):
    make(default="dark")

    edit_feature("theme", {"default": "dark"}, **BY)

    assert not Event.objects.filter(type="definition.changed").exists()


def test_edit__default_that_python_takes_for_the_same__is_another(db):
    define_feature("dimmed", kind="boolean", default=True, **BY)

    edit_feature("dimmed", {"kind": "integer", "default": 1}, **BY)

    assert repr(Feature.objects.get(key="dimmed").default) == "1"
    assert Event.objects.latest("pk").after == {"kind": "integer", "default": 1}


def test_builtin__can_be_disabled__but_not_changed_or_archived(cast):
    set_features(cast.alice, {"actions": True}, **BY)

    disable_feature("actions", **BY)

    assert explain(cast.alice, "actions").effective.value is False
    with pytest.raises(ValidationError, match="built in"):
        edit_feature("actions", {"default": True}, **BY)
    with pytest.raises(ValidationError, match="built in"):
        archive_feature("actions", **BY)


def test_archive__and_restore__keep_the_values(cast):
    make(default="dark")
    set_features(cast.alice, {"theme": "light"}, **BY)

    archive_feature("theme", **BY)
    with pytest.raises(UnknownFeature):
        current_definitions().get("theme")
    with pytest.raises(ValidationError, match="archived"):
        edit_feature("theme", {"name": "x"}, **BY)
    restore_feature("theme", **BY)

    assert explain(cast.alice, "theme").effective.value == "light"


def test_features_define__command__defines_then_changes(cast):
    code, out, _ = shell(
        *("features_define", "limit", "--kind", "integer", "--options", '{"minimum": 1}'),
        *("--default", "5", "--levels", "system,instance", "--json"),
    )
    dry, _, _ = shell("features_define", "limit", "--default", "7", "--dry-run")
    changed, _, _ = shell("features_define", "limit", "--name", "Limit", "--disable", "--yes")

    assert (code, dry, changed) == (0, 0, 0)
    assert json.loads(out)["levels"] == ["system", "instance"]
    row = Feature.objects.get(key="limit")
    assert (row.default, row.name, row.enabled) == (5, "Limit", False)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("limit", "--kind", "integer"), Exit.USAGE),
        (("limit", "--kind", "integer", "--default", "x"), Exit.FAILED),
        (("limit", "--expires", "soon"), Exit.USAGE),
        (("limit", "--options", "{"), Exit.USAGE),
        (("limit", "--levels", "planet"), Exit.FAILED),
        (("Limit",), Exit.FAILED),
    ],
)
def test_features_define__wrong_option__fails(db, arguments, code):
    assert shell("features_define", *arguments)[0] == code
    assert not Feature.objects.filter(builtin=False).exists()


@pytest.mark.parametrize(
    "arguments", [("features_archive", "theme"), ("features_define", "theme", "--disable")]
)
def test_feature__taken_from_everybody_unconfirmed__is_refused(cast, arguments):
    make(default="dark")

    code, _, said = shell(*arguments)

    assert code == Exit.REFUSED
    assert "This takes theme from everybody. Without a terminal that takes --yes" in said
    row = Feature.objects.get(key="theme")
    assert (row.enabled, row.archived_at) == (True, None)


def test_features_define__options_of_a_file_with_a_mark__are_read(cast, tmp_path):
    file = tmp_path / "options.json"
    file.write_text('{"minimum": 1}', encoding="utf-8-sig")

    code, _, _ = shell(
        *("features_define", "limit", "--kind", "integer", "--default", "5"),
        *("--options", f"@{file}"),
    )

    assert code == 0
    assert Feature.objects.get(key="limit").options == {"minimum": 1}


def test_features_archive__command__says_how_many_set_it(cast):
    make(default="dark")
    set_features(cast.alice, {"theme": "light"}, **BY)

    code, _, err = shell("features_archive", "theme", "--dry-run")
    still_there = current_definitions().by_name.get("theme")
    shell("features_archive", "theme", "--yes")
    restored, _, _ = shell("features_archive", "theme", "--restore")

    assert (code, "1 owners" in err, restored) == (0, True, 0)
    assert still_there
