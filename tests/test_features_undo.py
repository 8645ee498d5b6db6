"""Undo and history, as a shell sees them, and locking."""

import json

import pytest

from access.commands import Exit
from events.models import Event, Run
from features.services import explain, overrides_of, set_features
from tests.factories import BY, token_for
from tests.test_features_bulk import shell

pytestmark = pytest.mark.django_db

FEATURE = "login_default_org"


@pytest.fixture
def rollout(cast, tmp_path):
    """The id of a run that gave alice, bob and carol a feature; alice had it off before."""
    set_features(cast.alice, {FEATURE: False}, **BY)
    file = tmp_path / "rows.csv"
    rows = "".join(f"user,{name},{FEATURE},on\n" for name in ("alice", "bob", "carol"))
    file.write_text("level,owner,feature,value\n" + rows)
    shell("features_bulk", str(file), "--reason", "rollout")
    return str(Run.objects.get().pk)


def own(owner):
    return {d.key: o.value for d, o in overrides_of(owner).items()}


def test_undo__run__restores_what_was_there(cast, rollout):
    code, _, _ = shell("features_undo", "--run", rollout)

    assert code == 0
    assert [own(user) for user in (cast.alice, cast.bob, cast.carol)] == [{FEATURE: False}, {}, {}]


def test_undo__of_an_undo__brings_the_run_back(cast, rollout):
    shell("features_undo", "--run", rollout)
    undo = Run.objects.get(kind="undo")

    code, _, _ = shell("features_undo", "--run", str(undo.pk))

    assert (code, undo.undoes) == (0, rollout)
    assert [own(user) for user in (cast.alice, cast.bob)] == [{FEATURE: True}] * 2


def test_undo__value_moved_on__is_shown_and_left_alone(cast, rollout):
    set_features(cast.bob, {FEATURE: False}, **BY)

    code, out, err = shell("features_undo", "--run", rollout, "--json")

    assert code == Exit.PARTLY
    assert [error["code"] for error in json.loads(out)["errors"]] == ["moved"]
    assert "has been changed since" in err
    assert [own(user) for user in (cast.bob, cast.carol)] == [{FEATURE: False}, {}]


def test_undo__one_event__takes_back_that_one(cast, rollout):
    event = Event.objects.get(run=rollout, stream__owner="alice")

    dry, _, _ = shell("features_undo", str(event.pk), "--dry-run")
    before = own(cast.alice)
    code, _, _ = shell("features_undo", str(event.pk))

    assert (dry, before, code) == (0, {FEATURE: True}, 0)
    assert (own(cast.alice), own(cast.bob)) == ({FEATURE: False}, {FEATURE: True})


def test_undo__owner_gone__is_told_and_no_other_is_taken(cast, rollout):
    cast.bob.public_id = "bob2"
    cast.bob.save()

    code, _, err = shell("features_undo", "--run", rollout)

    assert (code, 'there is no user "bob"' in err) == (Exit.PARTLY, True)
    assert (own(cast.bob), own(cast.carol)) == ({FEATURE: True}, {})


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ((), Exit.USAGE),
        (("7", "--run", "x"), Exit.USAGE),
        (("999999",), Exit.FAILED),
        (("x",), Exit.FAILED),
        (("--run", "x"), Exit.FAILED),
        (("--run", "8a4cb1f0-0000-4000-8000-000000000000"), Exit.FAILED),
    ],
)
def test_undo__nothing_of_that_name__fails(cast, arguments, code):
    assert shell("features_undo", *arguments)[0] == code


def test_history__owner_and_feature__narrow_newest_first(cast, rollout):
    set_features(cast.alice, {"actions": True}, **BY)

    everything = json.loads(shell("features_history", "user:alice", "--json")[1])
    narrowed = json.loads(shell("features_history", "user:alice", FEATURE, "--json")[1])

    assert [event["subject"] for event in everything] == ["actions", FEATURE, FEATURE]
    assert [(event["before"], event["after"]) for event in narrowed] == [
        (False, True),
        (None, False),
    ]
    assert narrowed[0]["run"] == rollout


def test_history__pages__follow_one_another(cast, rollout):
    first = json.loads(shell("features_history", FEATURE, "--limit", "3", "--json")[1])
    code, out, _ = shell("features_history", FEATURE, "--before", str(first[-1]["id"]), "--json")

    assert (code, len(first), len(json.loads(out))) == (0, 3, 1)


def test_history__json__is_what_the_management_api_answers(client, cast, rollout):
    headers = {"Authorization": f"Bearer {token_for(cast.root)}"}

    told = json.loads(shell("features_history", "--json")[1])
    (told_run,) = json.loads(shell("features_history", "--runs", "--json")[1])

    assert told == client.get("/api/v1/events", headers=headers).json()["results"] != []
    assert told_run.pop("batches") == 0
    assert told_run == client.get(f"/api/v1/runs/{rollout}", headers=headers).json()


def test_history__runs__tell_who_and_how_many(cast, rollout):
    _, out, _ = shell("features_history", "--runs")

    assert rollout in out
    assert "rollout" in out


def test_lock__owner__holds_those_below_until_unlocked(cast):
    set_features(cast.acme, {FEATURE: True}, **BY)

    assert shell("features_lock", "organization:acme", FEATURE)[0] == 0
    assert explain(cast.bob, FEATURE).effective.locked_by == cast.acme.level
    assert shell("features_lock", "organization:acme", FEATURE)[0] == 0
    assert shell("features_unlock", "organization:acme", FEATURE, "--dry-run")[0] == 0
    assert explain(cast.bob, FEATURE).effective.locked_by == cast.acme.level
    assert shell("features_unlock", "organization:acme", FEATURE)[0] == 0

    assert explain(cast.bob, FEATURE).effective.locked_by is None
    types = Event.objects.filter(subject=FEATURE).order_by("id").values_list("type", flat=True)
    assert list(types) == ["features.set", "features.lock", "features.unlock"]


def test_lock__nothing_set_or_locked_above__is_refused(cast):
    set_features(cast.instance, {FEATURE: True}, **BY)
    set_features(cast.acme, {FEATURE: True}, **BY)
    shell("features_lock", "instance:main", FEATURE)

    code, _, err = shell("features_lock", "organization:acme", FEATURE)
    other, _, said = shell("features_lock", "user:bob", FEATURE)

    assert (code, "is locked at instance level" in err) == (Exit.FAILED, True)
    assert (other, "is not set here" in said) == (Exit.FAILED, True)
