"""features_show and features_list: every format, and what they leave out."""

import csv
import io
import json

import pytest
import yaml

from features.models import Feature
from features.services import lock_feature, set_features
from tenancy.models import System
from tests.commanding import define, run
from tests.factories import BY, token_for

pytestmark = pytest.mark.django_db


def test_features_show__json__is_what_the_api_answers(cast, client):
    set_features(cast.acme, {"login_default_org": True}, **BY)
    headers = {"Authorization": f"Bearer {token_for(cast.alice)}"}

    shown = json.loads(run("features_show", "organization:acme", "--json"))
    own = json.loads(run("features_show", "organization:acme", "--own", "--json"))

    path = "/v2/features/organization/acme"
    assert shown == client.get(f"{path}?inheritance=true", headers=headers).json()
    assert own == client.get(path, headers=headers).json()


def test_features_show__table__has_a_line_for_each_feature(cast):
    set_features(System(), {"actions": True}, **BY)
    lock_feature(System(), "actions", **BY)

    lines = run("features_show", "user:bob").splitlines()

    rows = {line.split()[0]: line.split()[1:] for line in lines}
    assert rows["FEATURE"] == ["VALUE", "SOURCE"]
    assert rows["actions"] == ["on", "system", "(locked)"]
    assert rows["web_key"] == ["off", "default"]
    assert len(rows) == Feature.objects.count() + 1


def test_features_show_own__nothing_set__is_no_failure(cast):
    assert run("features_show", "user:bob", "--own") == ""
    assert json.loads(run("features_show", "user:bob", "--own", "--json")) == {
        "details": {"sequence": "0", "resourceOwner": "acme"}
    }


def test_features_show__control_characters__cannot_steer_the_terminal(cast):
    define(key="greeting", kind="string", default="\x1b[2J[bold]hi\n")

    printed = run("features_show", "user:bob")

    assert "\\x1b[2J[bold]hi\\n" in printed


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--stage", "stable"], {"login_default_org", "login_v2"}),
        (["--level", "system", "--stage", "deprecated"], {"disable_user_token_event"}),
    ],
)
def test_features_list__filters__leave_the_rest_out(options, expected):
    keys = {row["key"] for row in json.loads(run("features_list", *options, "--json"))}

    assert expected <= keys
    assert "web_key" not in keys
    assert len(keys) < Feature.objects.count()


def test_features_list__every_format__says_the_same():
    define(key="formula", kind="string", default="=1+1", description="-a\nb", stage="stable")
    documents = json.loads(run("features_list", "--format", "json"))

    from_yaml = yaml.safe_load(run("features_list", "--format", "yaml"))
    from_csv = list(csv.DictReader(io.StringIO(run("features_list", "--format", "csv"))))
    table = run("features_list").splitlines()

    assert from_yaml == documents
    assert [row["key"] for row in from_csv] == [document["key"] for document in documents]
    assert len(table) == len(documents) + 1
    formula = next(row for row in from_csv if row["key"] == "formula")
    assert formula["default"] == "'=1+1"
    assert formula["description"] == "'-a\nb"
