"""features_bulk, as a shell sees it: what it takes, what it refuses, what it leaves."""

import csv
import io
import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from access.commands import Exit
from events.models import Event, Run, RunState
from features.services import explain, lock_feature, set_features
from tenancy.models import System
from tenancy.services import create_instance, create_organization, create_user
from tests.factories import BY

pytestmark = pytest.mark.django_db

HEADER = "level,owner,feature,value\n"
FEATURE = "login_default_org"


@pytest.fixture
def bulk(tmp_path):
    """Run features_bulk on a text; return the exit code, stdout and stderr."""

    def run(content, *arguments, name="rows.csv"):
        file = tmp_path / name
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return shell("features_bulk", str(file), *arguments)

    return run


def shell(*arguments):
    out, err = StringIO(), StringIO()
    try:
        call_command(*arguments, stdout=out, stderr=err)
    except CommandError as error:
        return error.returncode, out.getvalue(), err.getvalue() + str(error)
    except SystemExit as error:
        return error.code, out.getvalue(), err.getvalue()
    return 0, out.getvalue(), err.getvalue()


def value_of(owner, feature=FEATURE):
    return explain(owner, feature).effective.value


def test_bulk__csv__sets_each_owner_with_an_event_of_one_run(cast, bulk):
    rows = f'{HEADER}user,alice,{FEATURE},on\norganization,acme,login_v2,"{{""required"": true}}"\n'

    code, _, err = bulk(rows, "--reason", "rollout")

    assert (code, "2 changed" in err) == (0, True)
    assert value_of(cast.alice) is True
    assert value_of(cast.bob, "login_v2") == {"required": True}
    run = Run.objects.get()
    assert (run.state, run.changed, run.reason) == (RunState.DONE, 2, "rollout")
    events = Event.objects.filter(run=run.pk).order_by("id")
    assert [(e.stream.owner, e.reason) for e in events] == [
        ("acme", "rollout"),
        ("alice", "rollout"),
    ]


def test_bulk__dry_run__prints_the_report_and_writes_nothing(cast, bulk):
    rows = f"{HEADER}user,alice,{FEATURE},on\nuser,bob,{FEATURE},inherit\n"

    code, out, _ = bulk(rows, "--dry-run", "--json")

    assert code == 0
    assert json.loads(out) == {
        "run": None,
        "dry_run": True,
        "summary": {"changed": 1, "unchanged": 1, "errors": 0},
        "changes": [
            {
                "level": "user",
                "owner": "user:main/alice",
                "feature": FEATURE,
                "before": None,
                "after": True,
            }
        ],
        "errors": [],
    }
    assert not Event.objects.filter(subject=FEATURE).exists()


def test_bulk__reason_of_a_row__goes_before_that_of_the_run(cast, bulk):
    bulk(f"reason,{HEADER}asked,user,alice,{FEATURE},on\n,user,bob,{FEATURE},on\n", "--reason", "x")

    reasons = Event.objects.filter(subject=FEATURE).order_by("id").values_list("reason", flat=True)
    assert list(reasons) == ["asked", "x"]


@pytest.mark.parametrize(
    ("content", "name", "owner"),
    [
        (f"\ufeff{HEADER}user,alice,{FEATURE},on", "r.csv", "alice"),
        (f"{HEADER}user,alice,{FEATURE},on\n".replace("\n", "\r\n"), "r.csv", "alice"),
        (f"{HEADER}user,alice,{FEATURE},ON".replace(",", ";"), "r.csv", "alice"),
        (f'{HEADER}"USER","main/alice","loginDefaultOrg","true"\n', "r.csv", "alice"),
        (f"{HEADER}user,user:main/alice,{FEATURE},on\n", "r.csv", "alice"),
        (f"{HEADER}user,root,{FEATURE},on\n", "r.csv", "root"),
        (f'{HEADER}user,"odd\n""=1""",{FEATURE},on\n', "r.csv", None),
        (f"{HEADER}user,'=odd,{FEATURE},on\n", "r.csv", "=odd"),
        (f"{HEADER}user,012,{FEATURE},on\n", "r.csv", "012"),
        (f"- level: user\n  owner: 012\n  feature: {FEATURE}\n  value: on\n", "r.yaml", "012"),
        (f'{{"level":"user","owner":"on","feature":"{FEATURE}","value":true}}\n', "r.jsonl", "on"),
        (f"- {{level: user, owner: on, feature: {FEATURE}, value: true}}", "r.yml", "on"),
    ],
)
def test_bulk__ways_to_write_it__mean_the_same_owner(cast, bulk, content, name, owner):
    for public_id in ("012", "on", "=odd", "10"):
        create_user(cast.acme, public_id, public_id=public_id)

    code, _, err = bulk(content, name=name)

    if owner is None:
        assert (code, "there is no user" in err) == (Exit.FAILED, True)
    else:
        assert code == 0, err
        assert [e.stream.owner for e in Event.objects.filter(subject=FEATURE)] == [owner]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "the input is empty"),
        ("\n \n", "the input is empty"),
        (HEADER.encode("utf-16"), "is UTF-16: save it as UTF-8"),
        ("level,onwer,feature,value\n", 'no column "onwer"; did you mean "owner"?'),
        ("level,owner,feature\n", "missing columns: value"),
        (",".join(map(str, range(1000))), "nor 990 more that the file names; missing columns"),
        ("level,owner,feature,value,value\n", 'the column "value" stands twice'),
        (f"{HEADER}user,alice,{FEATURE}\n", "line 2: has 3 columns instead of 4"),
        (f"{HEADER}user,alice,{FEATURE},on,x\n", "line 2: has 5 columns instead of 4"),
        (f'{HEADER}user,"alice,{FEATURE},on\nuser,bob,{FEATURE},on', "line 2: is no CSV"),
        (
            f"{HEADER}usr,alice,{FEATURE},on\n",
            'line 2: there is no level "usr"; did you mean "user"?',
        ),
        (f"{HEADER}user,alise,{FEATURE},on\n", 'no user "alise"; did you mean "alice"?'),
        (f"{HEADER}user,,{FEATURE},on\n", "line 2: the user is missing"),
        (f"{HEADER}user,alice,login_defaut_org,on\n", 'did you mean "login_default_org"?'),
        (f"{HEADER}user,alice,{FEATURE},yes\n", "must be on or off"),
        (f"{HEADER}user,alice,{FEATURE},\n", "has no value"),
        (f"{HEADER}system,,web_key,on\n", "may not be set at system level"),
        (f"{HEADER}system,acme,{FEATURE},on\n", 'the system has no owner "acme"'),
        (
            f"{HEADER}user,alice,{FEATURE},on\nuser,alice,{FEATURE},off\n",
            "line 3: contradicts line 2",
        ),
        (HEADER.encode() + b"user,al\xefce,login_default_org,on\n", "line 2: the user's id is not"),
        (f"{HEADER}user,globex/carol,{FEATURE},on\n", 'there is no user "globex/carol"'),
    ],
)
def test_bulk__wrong_input__is_named_by_line_and_nothing_written(cast, bulk, content, said):
    more = content if isinstance(content, bytes) else content.encode()

    code, out, err = bulk(more)

    assert code == Exit.FAILED
    assert said in err
    assert out == ""
    assert not Event.objects.filter(subject=FEATURE).exists()
    assert not Run.objects.exists()


def test_bulk__three_wrong_of_many__names_the_three(cast, bulk):
    rows = [f"user,alice,{FEATURE},on"] * 3000
    rows[7], rows[1500], rows[2999] = "user,x,actions,on", "user,alice,acti,on", "user,bob"

    code, out, _ = bulk(HEADER + "\n".join(rows), "--json")

    assert code == Exit.FAILED
    errors = [(error["line"], error["code"]) for error in json.loads(out)["errors"]]
    assert errors == [(9, "unknown_owner"), (1502, "unknown_feature"), (3001, "columns")]


def test_bulk__continue_on_error__does_the_rest(cast, bulk):
    code, _, err = bulk(
        f"{HEADER}user,x,{FEATURE},on\nuser,bob,{FEATURE},on\n", "--continue-on-error"
    )

    assert (code, value_of(cast.bob)) == (Exit.PARTLY, True)
    assert 'line 2: there is no user "x"' in err
    assert Run.objects.get().state == RunState.PARTLY


def test_bulk__rows_that_agree__count_once(cast, bulk):
    code, out, _ = bulk(HEADER + f"user,bob,{FEATURE},on\n" * 3, "--json")

    assert code == 0
    assert json.loads(out)["summary"] == {"changed": 1, "unchanged": 2, "errors": 0}


def test_bulk__nothing_changes__is_done_without_a_run(cast, bulk):
    set_features(cast.bob, {FEATURE: True}, **BY)

    code, out, err = bulk(f"{HEADER}user,bob,{FEATURE},on\n")

    assert (code, out, "0 changed, 1 unchanged" in err) == (0, "", True)
    assert not Run.objects.exists()


def test_bulk__locked_above__is_refused_unless_the_same_file_unlocks(cast, bulk):
    set_features(cast.acme, {FEATURE: False}, **BY)
    lock_feature(cast.acme, FEATURE, **BY)

    refused, _, err = bulk(f"{HEADER}user,bob,{FEATURE},on\n")
    taken, _, _ = bulk(f"{HEADER}user,bob,{FEATURE},on\norganization,acme,{FEATURE},inherit\n")

    assert (refused, taken) == (Exit.FAILED, 0)
    assert "line 2: login_default_org is locked at organization level" in err
    assert value_of(cast.bob) is True


def test_bulk__several_instances__wants_the_instance_named(cast, bulk):
    other = create_instance("Other", public_id="other")
    bob = create_user(create_organization(other, "O"), "bob", public_id="bob")

    refused, _, err = bulk(f"{HEADER}organization,acme,{FEATURE},on\n")
    taken, _, _ = bulk(f"{HEADER}user,other/bob,{FEATURE},on\n")

    assert (refused, "write INSTANCE/ID" in err) == (Exit.FAILED, True)
    assert (taken, value_of(bob), value_of(cast.bob)) == (0, True, False)


@pytest.mark.parametrize("rows", [f"system,,{FEATURE},on\n", "many"])
def test_bulk__wide_effect_without_a_terminal__needs_yes(cast, bulk, rows):
    if rows == "many":
        ids = [str(n) for n in range(1001)]
        for public_id in ids:
            create_organization(cast.instance, public_id, public_id=public_id)
        rows = "".join(f"organization,{public_id},{FEATURE},on\n" for public_id in ids)

    refused, _, err = bulk(HEADER + rows)
    taken, _, _ = bulk(HEADER + rows, "--yes")

    assert (refused, "--yes" in err, taken) == (Exit.REFUSED, True, 0)


def test_bulk__owners_from__gives_all_the_same(cast, tmp_path):
    file = tmp_path / "owners.txt"
    file.write_text("alice\n\nbob\n")

    options = ("--owners-from", str(file), "--feature", FEATURE, "--value", "on")
    code, _, _ = shell("features_bulk", *options, "--level", "user")

    assert (code, value_of(cast.alice), value_of(cast.bob)) == (0, True, True)


def test_bulk__csv_report__is_read_back_and_runs_no_formula(cast, bulk):
    create_user(cast.acme, "odd", public_id="=1+1")

    _, out, _ = bulk(f"{HEADER}user,=1+1,{FEATURE},on\n", "--dry-run", "--csv")

    rows = list(csv.DictReader(io.StringIO(out)))
    assert rows[0]["owner"] == "user:main/=1+1"
    assert (rows[0]["before"], rows[0]["after"]) == ("inherit", "on")


def test_bulk__json_lines__ends_with_the_summary(cast, bulk):
    _, out, _ = bulk(f"{HEADER}user,bob,{FEATURE},on\n", "--json-lines")

    lines = [json.loads(line) for line in out.splitlines()]
    assert [line["type"] for line in lines] == ["change", "summary"]
    assert lines[1]["run"] == str(Run.objects.get().pk)


def test_bulk__batches__are_counted_and_a_finished_run_does_nothing_more(cast, bulk):
    rows = "".join(f"user,{name},{FEATURE},on\n" for name in ("alice", "bob", "carol"))

    code, out, _ = bulk(HEADER + rows, "--batch-size", "2", "--json")
    again, _, err = bulk(HEADER + rows, "--resume", json.loads(out)["run"])
    other, _, _ = bulk(f"{HEADER}user,bob,{FEATURE},off\n", "--resume", json.loads(out)["run"])

    assert (code, Run.objects.get().batches) == (0, 2)
    assert json.loads(out)["summary"]["changed"] == 3
    assert (again, "is finished" in err, other) == (0, True, Exit.CONFLICT)


def test_bulk__system_level__is_applied(cast, bulk):
    code, _, _ = bulk(f"{HEADER}system,,{FEATURE},on\n", "--yes")

    assert (code, value_of(System())) == (0, True)
