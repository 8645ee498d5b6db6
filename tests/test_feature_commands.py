"""The commands that list, show, set and reset features, as a shell sees them."""

import json
from io import StringIO

import pytest
from django.db import OperationalError
from psycopg.errors import QueryCanceled

from access.commands import Exit
from events.models import Event
from events.services import Conflict
from features.definitions import current_definitions
from features.planning import Locked
from features.services import explain, lock_feature, overrides_of, set_features
from tenancy.levels import Level
from tenancy.models import System
from tests.commanding import define, fail, run
from tests.factories import BY

pytestmark = pytest.mark.django_db


def value_of(owner, feature: str):
    return explain(owner, feature).effective.value


@pytest.mark.parametrize(
    ("feature", "text", "value"),
    [
        ("login_default_org", "on", True),
        ("loginDefaultOrg", "OFF", False),
        ("login_default_org", "true", True),
        ("improved_performance", "[]", []),
        ("login_v2", '{"required": true}', {"required": True}),
        ("login_v2", '{"baseUri": "http://a"}', {"required": False, "base_uri": "http://a"}),
    ],
)
def test_features_set__value__is_read_by_its_kind(cast, feature, text, value):
    run("features_set", "user:alice", f"{feature}={text}")

    assert value_of(cast.alice, feature) == value


@pytest.mark.parametrize(
    ("text", "value"), [("on", "on"), ("a=b", "a=b"), ('""', ""), ('"inherit"', "inherit")]
)
def test_features_set__text__is_taken_as_it_is(cast, text, value):
    define(key="greeting", kind="string", default="hi")

    run("features_set", "user:alice", f"greeting={text}")

    assert value_of(cast.alice, "greeting") == value


def test_features_set__inherit__takes_the_override_away(cast):
    set_features(cast.alice, {"login_default_org": True, "user_schema": True}, **BY)

    printed = run("features_set", "user:main/alice", "login_default_org=inherit", "user_schema=off")

    assert printed == (
        "user:main/alice login_default_org: on → inherits\nuser:main/alice user_schema: on → off\n"
    )
    assert {d.key: o.value for d, o in overrides_of(cast.alice).items()} == {"user_schema": False}


def test_features_set__origin__is_in_the_history(cast):
    run(
        *["features_set", "organization:acme", "actions=on", "user_schema=on"],
        *["--reason", "Pilot", "--actor", "ines"],
    )

    events = list(Event.objects.filter(stream__owner="acme", type="features.set"))
    assert {(e.surface, e.reason, e.actor_name) for e in events} == {("command", "Pilot", "ines")}
    assert len(events) == 2
    assert len({event.run for event in events} - {None}) == 1


def test_features_set__other_features__stay_untouched(cast):
    set_features(cast.alice, {"user_schema": True}, **BY)

    run("features_set", "user:alice", "actions=off")

    assert value_of(cast.alice, "user_schema") is True


def test_features_set__as_it_is_already__writes_nothing(cast):
    set_features(cast.alice, {"actions": True}, **BY)
    events = Event.objects.count()

    report = json.loads(run("features_set", "user:alice", "actions=on", "--json"))

    assert report["summary"] == {"changed": 0, "unchanged": 1, "errors": 0}
    assert report["run"] is None
    assert Event.objects.count() == events


def test_features_set__retired_feature__does_nothing(cast):
    define(key="old", kind="boolean", default=False, stage="retired")

    report = json.loads(run("features_set", "user:alice", "old=on", "--json"))

    assert report["summary"] == {"changed": 0, "unchanged": 1, "errors": 0}


def test_features_set__faults__are_told_together_and_nothing_is_written(cast):
    lock_feature(_system_with("actions"), "actions", **BY)

    code, message, printed = fail(
        *["features_set", "organization:acme", "user_schema=on", "login_defautl_org=on"],
        *["web_key=maybe", "web_key=on", "actions=off", 'login_v2={"requird": true}'],
    )

    assert code == Exit.FAILED
    assert message.splitlines() == [
        'there is no feature "login_defautl_org"; did you mean "login_default_org"?',
        "web_key: must be on or off, not 'maybe'",
        "web_key: the feature is named twice",
        'login_v2.requird: is not known; did you mean "required"?',
        "actions is locked at system level",
        "nothing was written",
    ]
    assert printed == ""
    assert overrides_of(cast.acme) == {}


def _system_with(feature: str):
    set_features(System(), {feature: True}, **BY)
    return System()


@pytest.mark.parametrize(
    ("assignment", "code", "sentence"),
    [
        ("actions", 2, '"actions" is not of the form FEATURE=VALUE'),
        ("=on", 2, '"=on" is not of the form FEATURE=VALUE'),
        ("", 2, '"" is not of the form FEATURE=VALUE'),
        ("actions=", 1, "actions: has no value: write on, off or inherit"),
        ("actions==on", 1, "actions: must be on or off, not '=on'"),
        ("actions=1", 1, "actions: must be on or off, not '1'"),
        ("actions=yes", 1, "actions: must be on or off, not 'yes'"),
        ("login_v2=on", 1, "login_v2: is not JSON: 'on'"),
        ("improved_performance=[99]", 1, "improved_performance[0]: '99' is not one of the names"),
        ("Actions=on", 1, 'there is no feature "Actions"; did you mean "actions"?'),
    ],
)
def test_features_set__bad_assignment__says_what_to_write(cast, assignment, code, sentence):
    exit_code, message, _ = fail("features_set", "user:alice", assignment)

    assert (exit_code, message.splitlines()[0]) == (code, sentence)


def test_features_set__not_at_this_level__names_the_levels(cast):
    code, message, _ = fail("features_set", "system", "web_key=on", "--yes")

    assert code == Exit.FAILED
    assert message.startswith(
        "web_key: may not be set at system level, only at: instance, organization, user"
    )


def test_features_set__failure_with_json__is_the_same_document(cast):
    code, _, printed = fail("features_set", "user:alice", "acts=on", "--json", "--dry-run")

    report = json.loads(printed)
    assert code == Exit.FAILED
    assert list(report) == ["run", "dry_run", "summary", "changes", "errors"]
    assert (report["run"], report["dry_run"], report["changes"]) == (None, True, [])
    assert report["summary"] == {"changed": 0, "unchanged": 0, "errors": 1}
    assert report["errors"][0]["line"] is None
    assert report["errors"][0]["code"] == "unknown_feature"


@pytest.mark.parametrize("arguments", [["features_set", "user:x", "a=on"], ["features_show", "x"]])
def test_commands__unknown_owner__say_so(cast, arguments):
    code, message, printed = fail(*arguments)

    assert code == Exit.FAILED
    assert message in {
        'there is no user "x"',
        '"x" names no owner: write system, instance:ID, organization:ID, user:ID',
    }
    assert printed == ""


def test_features_set_dry_run__tells_what_the_run_then_writes(cast):
    arguments = ["features_set", "user:alice", "actions=on", "login_v2={}", "--json"]

    told = json.loads(run(*arguments, "--dry-run"))
    untouched = overrides_of(cast.alice)
    written = json.loads(run(*arguments))

    assert untouched == {}
    assert (told["run"], told["dry_run"], written["dry_run"]) == (None, True, False)
    assert told["changes"] == written["changes"]
    assert told["changes"][0] == {
        "level": "user",
        "owner": "user:main/alice",
        "feature": "actions",
        "before": None,
        "after": True,
    }
    runs = Event.objects.filter(type="features.set").values_list("run", flat=True)
    assert {str(run) for run in runs} == {written["run"]}


def test_features_set__system_without_terminal__is_refused_until_yes(cast):
    code, message, _ = fail("features_set", "system", "actions=on")
    refused = overrides_of(System())
    told = json.loads(run("features_set", "system", "actions=on", "--json", "--dry-run"))
    run("features_set", "system", "actions=on", "--yes")

    assert code == Exit.REFUSED
    assert "the one instance" in message
    assert "--yes" in message
    assert refused == {}
    assert told["summary"]["changed"] == 1
    assert value_of(cast.alice, "actions") is True


@pytest.mark.parametrize(("answer", "is_set"), [("system\n", True), ("yes\n", False), ("", False)])
def test_features_set__system_on_a_terminal__asks_for_the_level(cast, monkeypatch, answer, is_set):
    class Terminal(StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal(answer))

    if is_set:
        run("features_set", "system", "actions=on")
    else:
        assert fail("features_set", "system", "actions=on")[0] == Exit.REFUSED

    assert bool(overrides_of(System())) is is_set


def test_features_reset__named__takes_only_those(cast):
    set_features(cast.acme, {"actions": True, "user_schema": True}, **BY)

    report = json.loads(
        run("features_reset", "organization:acme", "actions", "web_key", "actions", "--json")
    )

    assert [change["feature"] for change in report["changes"]] == ["actions"]
    assert report["summary"]["unchanged"] == 1
    assert [definition.key for definition in overrides_of(cast.acme)] == ["user_schema"]


def test_features_reset__none_named__takes_all(cast):
    set_features(cast.acme, {"actions": True, "user_schema": True}, **BY)

    run("features_reset", "organization:acme", "--dry-run")
    kept = overrides_of(cast.acme)
    run("features_reset", "organization:acme")

    assert len(kept) == 2
    assert overrides_of(cast.acme) == {}


def test_features_reset__unknown_features__are_told_together(cast):
    code, message, _ = fail("features_reset", "user:alice", "action", "actions", "webkey")

    assert code == Exit.FAILED
    assert message.count("did you mean") == 2


def caused_by(cause):
    """Return the database error that Django makes of another."""
    error = OperationalError("canceling statement due to user request")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (KeyboardInterrupt(), Exit.INTERRUPTED, "interrupted"),
        (caused_by(KeyboardInterrupt()), Exit.INTERRUPTED, "interrupted"),
        (caused_by(QueryCanceled()), Exit.INTERRUPTED, "interrupted"),
        (
            OSError(28, "No space left"),
            Exit.FAILED,
            "the answer can't be written: the disk is full",
        ),
        (Conflict("moved"), Exit.CONFLICT, "moved; nothing was written"),
        (
            OperationalError("no such table: x\nLINE 1"),
            Exit.FAILED,
            "the database did not do it: no",
        ),
    ],
)
def test_commands__trouble__is_a_sentence_and_an_exit_code(
    cast, monkeypatch, error, code, sentence
):
    def fall(*_arguments, **_options):
        raise error

    monkeypatch.setattr("features.management.commands.features_show.get_features", fall)

    exit_code, message, printed = fail("features_show", "user:alice")

    assert exit_code == code
    assert message.startswith(sentence)
    assert printed == ""


def test_features_set__somebody_else_locks_it_meanwhile__is_a_conflict(cast, monkeypatch):
    locked = Locked(current_definitions().get("actions"), Level.SYSTEM)

    def refuse(*_arguments, **_options):
        raise locked

    monkeypatch.setattr("features.commands.carry_out", refuse)

    code, message, _ = fail("features_set", "user:alice", "actions=on")

    assert (code, message) == (
        Exit.CONFLICT,
        "actions is locked at system level; nothing was written",
    )


def test_features_set__bytes_that_are_no_text__are_refused(cast):
    code, message, _ = fail("features_set", "user:alice", "actions=\udcff")

    assert (code, message) == (Exit.USAGE, "'actions=\\udcff' is not UTF-8")


def test_features_set__endless_actor__is_refused(cast):
    assert fail("features_set", "user:alice", "actions=on", "--actor", "x" * 201)[0] == Exit.USAGE
