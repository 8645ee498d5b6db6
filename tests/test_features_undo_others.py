"""features_undo of what is no feature's value, from a shell."""

import json

import pytest
from django.utils import translation

from access.commands import Exit
from access.permissions import Role
from access.services import grant_role
from clients.services import rotate_secret, set_networks
from events.models import Event, Run
from tests.factories import BY
from tests.test_features_bulk import shell
from tests.undoable import CHANGES, last_event


@pytest.fixture
def world(db, kept_world):
    return kept_world


@pytest.mark.parametrize("name", ["networks", "origins", "definition", "role revoked", "domains"])
def test_undo__of_an_event__restores_what_was_there(world, name):
    before = CHANGES[name].read(world)
    CHANGES[name].make(world)
    event = last_event()

    looked, plan, _ = shell("features_undo", str(event.pk), "--json", "--dry-run")
    untouched = CHANGES[name].read(world)
    code, out, err = shell("features_undo", str(event.pk), "--json", "--reason", "oops")

    assert (looked, code) == (Exit.DONE, Exit.DONE)
    assert untouched != before
    assert CHANGES[name].read(world) == before
    done = json.loads(out)
    assert json.loads(plan)["changes"] == done["changes"] != []
    assert done["changes"][0].keys() == {"level", "owner", "feature", "before", "after"}
    run = Run.objects.get()
    assert (str(run.pk), run.undoes, run.reason) == (done["run"], str(event.pk), "oops")
    assert f"features_undo --run {run.pk} takes it back" in err


def test_undo__of_its_run__brings_the_change_back(world):
    grant_role(world.cast.bob, Role.ORG_OWNER, world.cast.acme, **BY)
    shell("features_undo", str(last_event().pk))

    code, out, _ = shell("features_undo", "--run", str(Run.objects.get().pk))

    assert code == Exit.DONE
    assert "ORG_OWNER: null → organization:main/acme" in out
    assert world.cast.bob.memberships.get().role == "ORG_OWNER"


def test_undo__of_what_was_changed_again_since__is_told_and_left_alone(world):
    CHANGES["networks"].make(world)
    event = last_event()
    set_networks(world.client, ["198.51.100.0/24"], **BY)

    code, out, err = shell("features_undo", str(event.pk), "--json")

    assert code == Exit.PARTLY
    assert [fault["code"] for fault in json.loads(out)["errors"]] == ["moved"]
    assert f"event {event.pk}: networks of" in err
    assert CHANGES["networks"].read(world) == ["198.51.100.0/24"]


def test_undo__of_what_is_final__fails_and_says_why(world):
    rotate_secret(world.client, **BY)
    count = Event.objects.count()

    code, out, err = shell("features_undo", str(last_event().pk), "--json")

    assert code == Exit.FAILED
    assert "the old one is gone" in err
    assert json.loads(out)["errors"][0]["code"] == "final"
    assert Event.objects.count() == count


def test_undo__called_where_a_german_page_was_served__speaks_english(world):
    rotate_secret(world.client, **BY)

    with translation.override("de"):
        _, out, err = shell("features_undo", str(last_event().pk), "--json")
        language = translation.get_language()

    assert "the old one is gone" in err
    assert "the old one is gone" in json.loads(out)["errors"][0]["message"]
    assert language == "de"  # the caller's own stays


def test_undo__that_takes_a_feature_from_everybody__asks_first(world):
    CHANGES["definition enabled"].prepare(world)
    CHANGES["definition enabled"].make(world)
    event = str(last_event().pk)

    refused, _, _ = shell("features_undo", event)
    kept = CHANGES["definition enabled"].read(world)
    code, _, _ = shell("features_undo", event, "--yes")

    assert (refused, code) == (Exit.REFUSED, Exit.DONE)
    assert kept != CHANGES["definition enabled"].read(world)
