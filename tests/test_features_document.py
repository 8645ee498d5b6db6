"""Export, plan and apply, as a shell sees them: the state as a document, and back."""

import json
from datetime import date
from typing import Any

import pytest
import yaml

from access.commands import Exit
from events.models import Event
from features.defining import define_feature, disable_feature
from features.models import OVERRIDES, Feature
from features.services import lock_feature, overrides_of, set_features
from tenancy.models import System
from tenancy.services import create_instance, create_organization, create_user
from tests.factories import BY
from tests.test_features_bulk import shell

pytestmark = pytest.mark.django_db

FEATURE = "login_default_org"


@pytest.fixture
def cast(cast):
    other = create_instance("Other", public_id="no")
    create_user(create_organization(other, "O", public_id="012"), "on", public_id="on")
    return cast


@pytest.fixture
def state(cast):
    """Something at every level, with ids, values and locks that are easily got wrong."""
    define_feature("note", kind="string", default="", name="Note: a\u2028b", **BY)
    limit: dict[str, Any] = {"kind": "integer", "default": 5, "options": {"minimum": 1}}
    limit |= {"levels": ["system", "user"], "expires_on": date(2027, 1, 31)}
    define_feature("limit", **limit, **BY)
    disable_feature("actions", **BY)
    odd = create_user(cast.acme, "odd", public_id='=1 "é\U0001f600\u2028: #')
    changed: list[tuple[Any, dict[str, Any]]] = [
        (System(), {FEATURE: False, "limit": 7}),
        (cast.instance, {"login_v2": {"required": True, "base_uri": "https://a.example"}}),
        (cast.acme, {FEATURE: True, "note": "no"}),
        (cast.alice, {"note": "2024-01-01", "improved_performance": []}),
        (cast.carol, {"actions": True}),
        (cast.root, {FEATURE: True}),
        (odd, {"note": 'line\nbreak "quoted" \u2028 \U0001f600 \x7f'}),
    ]
    for owner, changes in changed:
        set_features(owner, changes, **BY)
    lock_feature(cast.acme, FEATURE, **BY)
    lock_feature(cast.alice, "note", **BY)
    return cast


def clear():
    tables: Any = OVERRIDES
    for table in tables.values():
        table.objects.all().delete()
    Feature.objects.filter(builtin=False).delete()
    Feature.objects.update(enabled=True)
    from tenancy.revision import touch_revision

    touch_revision()


@pytest.mark.parametrize("format_name", ["yaml", "json"])
def test_export__applied_where_nothing_is_set__exports_the_same_bytes(state, tmp_path, format_name):
    file = tmp_path / f"state.{format_name}"
    shell("features_export", "--format", format_name, "--output", str(file))
    first = file.read_bytes()
    clear()

    code, _, err = shell("features_apply", str(file), "--yes")

    assert code == 0, err
    assert shell("features_export", "--format", format_name)[1].encode() == first
    assert shell("features_plan", str(file), "--exit-code")[0] == 0


def test_export__one_instance_per_file__makes_the_whole(state, tmp_path):
    whole = shell("features_export")[1]
    files = []
    for public_id in ("main", "no"):
        files.append(tmp_path / f"{public_id}.yaml")
        shell("features_export", "--instance", public_id, "--output", str(files[-1]))
    everything = tmp_path / "all.yaml"
    everything.write_text(whole)
    clear()

    codes = [shell("features_apply", str(file), "--yes")[0] for file in [*files, everything]]

    assert codes == [0, 0, 0]
    assert shell("features_export")[1] == whole


def test_export__yaml__is_read_alike_by_others(state):
    document = yaml.safe_load(shell("features_export")[1])

    assert document["instances"]["main"]["organizations"]["acme"] == {
        FEATURE: {"value": True, "locked": True},
        "note": {"value": "no"},
    }
    assert document == json.loads(shell("features_export", "--json")[1])


def test_plan__pending__exits_3_and_writes_nothing(cast, tmp_path):
    file = write(tmp_path, {"main": {"users": {"bob": {FEATURE: {"value": True}}}}})

    code, out, _ = shell("features_plan", file, "--exit-code")

    assert (code, "user:main/bob" in out) == (Exit.PENDING, True)
    assert not Event.objects.filter(subject=FEATURE).exists()


def test_plan__saved__is_applied_and_refused_once_the_state_moved(cast, tmp_path):
    users = {name: {FEATURE: {"value": True}} for name in ("alice", "bob")}
    file, saved = write(tmp_path, {"main": {"users": users}}), str(tmp_path / "plan")
    shell("features_plan", file, "--out", saved)

    set_features(cast.bob, {"actions": True}, **BY)
    refused, _, err = shell("features_apply", saved)
    shell("features_plan", file, "--out", saved)
    taken, _, _ = shell("features_apply", saved)

    assert (refused, "user bob stands at 1 instead of 0" in err) == (Exit.CONFLICT, True)
    assert taken == 0
    assert own(cast.alice) == {FEATURE: True}
    assert shell("features_apply", saved)[0] == Exit.CONFLICT


def test_apply__prune__resets_what_the_document_does_not_speak_of(cast, tmp_path):
    set_features(cast.alice, {FEATURE: True, "actions": True}, **BY)
    set_features(cast.acme, {"actions": True}, **BY)
    set_features(System(), {"actions": True}, **BY)
    file = write(tmp_path, {"main": {"users": {"alice": {FEATURE: {"value": False}}}}})

    shell("features_apply", file)
    kept = own(cast.alice)
    code, _, _ = shell("features_apply", file, "--prune")

    assert (kept, code) == ({FEATURE: False, "actions": True}, 0)
    assert [own(owner) for owner in (cast.alice, cast.acme)] == [{FEATURE: False}, {}]
    assert own(System()) == {"actions": True}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("a: 1\n", 'it must begin with "strata: 1"'),
        ("strata: 2\n", 'it must begin with "strata: 1"'),
        ("- strata\n", "must be a mapping"),
        ("strata: 1\nsytem: {}\n", '"sytem" is not known here; did you mean "system"?'),
        ("strata: 1\nsystem:\n  acti: {value: true}\n", 'line 3: there is no feature "acti"'),
        ("strata: 1\nsystem:\n  actions: true\n", "line 3: actions must be {value: …}"),
        ("strata: 1\nsystem:\n  actions: {value: 1}\n", "line 3: actions: must be true or false"),
        ("strata: 1\nsystem:\n  actions: {value: true, lock: 1}\n", "must be {value: …}"),
        ("strata: 1\nsystem:\n  a: [\n", "is no YAML"),
        ("strata: 1\ninstances:\n  x: {}\n", 'line 3: there is no instance "x"'),
        (
            "strata: 1\ninstances:\n  main:\n    users:\n      zoe:\n        actions: {value: on}",
            'line 6: there is no user "zoe"',
        ),
        ("strata: 1\ndefinitions:\n  Bad: {kind: boolean}\n", "key: must be a small letter"),
        ("strata: 1\ndefinitions:\n  x: {expires_on: 1}\n", "expires_on"),
        ("strata: 1\ndefinitions:\n  x: {colour: red}\n", "colour: is no field"),
    ],
)
def test_apply__bad_document__says_where_and_writes_nothing(cast, tmp_path, text, said):
    file = tmp_path / "state.yaml"
    file.write_text(text)

    code, _, err = shell("features_apply", str(file), "--yes")

    assert (code, said in err) == (Exit.FAILED, True), err
    assert not Event.objects.filter(type__startswith="definition").exists()
    assert not Event.objects.filter(type__startswith="features").exists()


def test_apply__definitions_in_a_dry_run__are_taken_back(cast, tmp_path):
    file = tmp_path / "state.yaml"
    file.write_text(
        "strata: 1\ndefinitions:\n  dark: {kind: boolean, default: false}\n"
        "system:\n  dark: {value: true}\n"
    )

    planned, out, _ = shell("features_plan", str(file), "--exit-code")
    defined = Feature.objects.filter(key="dark").exists()
    code, _, _ = shell("features_apply", str(file), "--yes")

    assert (planned, defined, code) == (Exit.PENDING, False, 0)
    assert "system dark: inherits → on" in out
    assert own(System()) == {"dark": True}


def test_export__full_disk__fails_with_a_sentence(state):
    code, _, err = shell("features_export", "--output", "/dev/full")

    assert (code, "No space left" in err) == (Exit.FAILED, True)


def own(owner):
    return {d.key: o.value for d, o in overrides_of(owner).items()}


def write(folder, instances):
    file = folder / "state.yaml"
    file.write_text(yaml.safe_dump({"strata": 1, "instances": instances}, sort_keys=False))
    return str(file)
