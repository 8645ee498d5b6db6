"""Servers of the version before go on while and after a migration: no release may break them."""

import json
import re

import pytest
from django.db import connection, migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ModelState, ProjectState

from config.settings import BASE_DIR
from tenancy.operations import AddIndexInPlace
from tests.migration_rules import find_faults

FILE = BASE_DIR / "tests/cases/released_migrations.json"
HOW_TO = f"write the release and its migrations into {FILE.relative_to(BASE_DIR)}:"


def find_ours():
    """Return the names of all our migrations, such as "access.0001_initial"."""
    return sorted(f"{path.parts[-3]}.{path.stem}" for path in BASE_DIR.glob("*/migrations/0*.py"))


def find_faults_since(released):
    """Return what is wrong with our migrations that are not released yet."""
    loader = MigrationLoader(None)
    state, new = ProjectState(), set[str]()
    faults: list[str] = []
    for key in loader.graph._generate_plan(loader.graph.leaf_nodes(), at_end=True):
        migration = loader.graph.nodes[key]
        if ".".join(key) not in set(find_ours()) - set(released):
            state = migration.mutate_state(state, preserve=False)
        elif not getattr(migration, "harmless", ""):
            faults += find_faults(migration, state, new)
    return faults


@pytest.mark.once
def test_released_migrations__are_those_of_the_newest_release():
    headings = re.findall(r"^## (\S+)", (BASE_DIR / "CHANGELOG.md").read_text(), re.MULTILINE)
    newest = next((heading for heading in headings if heading != "Unreleased"), None)
    released = json.loads(FILE.read_text())
    wanted = json.dumps({"release": newest, "migrations": find_ours()})

    assert released["release"] == newest, f"{HOW_TO} {wanted}"
    assert bool(released["migrations"]) == bool(newest), f"{HOW_TO} {wanted}"
    assert set(released["migrations"]) <= set(find_ours()), "a released migration is gone"


@pytest.mark.once
def test_migrations__since_the_release__break_nothing_that_runs():
    released = json.loads(FILE.read_text())

    # Before the first release there is no version before.
    faults = find_faults_since(released["migrations"] if released["release"] else find_ours())

    assert faults == [], "\n".join(faults)


@pytest.mark.once
def test_migrations__had_the_first_ones_been_released__are_found():
    faults = find_faults_since([name for name in find_ours() if "0001_" in name])

    indexes = [fault for fault in faults if fault.startswith("events.0003_list_indexes: ")]
    assert len(indexes) == 2
    assert "event_time on field(s) created_at, id of model event" in indexes[1]
    assert indexes[1].endswith("use tenancy.operations.AddIndexInPlace")
    assert not [fault for fault in faults if "impersonation_running" in fault], "its table is new"


TEXT = models.CharField(max_length=20)
THING = ModelState("shop", "thing", [("id", models.BigAutoField(primary_key=True)), ("text", TEXT)])


def column(**options):
    return migrations.AddField("thing", "added", models.IntegerField(**options))


def altered(field):
    return migrations.AlterField("thing", "text", field)


def find_faults_of(*operations):
    migration = type("Migration", (migrations.Migration,), {"operations": operations})
    state = ProjectState()
    state.add_model(THING.clone())
    return list(find_faults(migration("0002_next", "shop"), state, set()))


INDEX = models.Index(fields=["text"], name="thing_text")
ONE = models.UniqueConstraint(fields=["text"], name="thing_once")


@pytest.mark.once
@pytest.mark.parametrize(
    ("operation", "reason"),
    [
        (migrations.RemoveField("thing", "text"), "a release later"),
        (migrations.RenameField("thing", "text", "words"), "a release later"),
        (migrations.DeleteModel("thing"), "a release later"),
        (migrations.RenameModel("thing", "object"), "a release later"),
        (migrations.AlterModelTable("thing", "things"), "a release later"),
        (migrations.AlterUniqueTogether("thing", {("text",)}), "a release later"),
        (migrations.AddConstraint("thing", ONE), "a release later"),
        (migrations.RunSQL("DROP TABLE shop_thing"), "a release later"),
        (migrations.RunPython(migrations.RunPython.noop), "a release later"),
        (migrations.AddIndex("thing", INDEX), "writers wait"),
        (column(), "inserts rows without it"),
        (column(default=1), "inserts rows without it"),
        (column(null=True, unique=True), "writers wait"),
        (column(null=True, db_index=True), "writers wait"),
        (altered(models.TextField()), "as it was"),
        (altered(models.CharField(max_length=19)), "may not fit"),
        (altered(models.CharField(max_length=20, unique=True)), "as it was"),
        (altered(models.CharField(max_length=20, db_column="words")), "as it was"),
    ],
    ids=lambda value: getattr(value, "describe", lambda: "")(),
)
def test_operation__that_breaks_what_runs__is_refused(operation, reason):
    [fault] = find_faults_of(operation)

    assert fault.startswith("shop.0002_next: ")
    assert reason in fault


@pytest.mark.once
@pytest.mark.parametrize(
    "operation",
    [
        migrations.CreateModel("other", [("id", models.BigAutoField(primary_key=True))]),
        column(null=True),
        column(db_default=1),
        AddIndexInPlace("thing", INDEX),
        altered(models.CharField("words", max_length=40, blank=True, default="x")),
        altered(models.CharField(max_length=20, null=True)),
        migrations.AlterModelOptions("thing", {"ordering": ["text"]}),
    ],
    ids=lambda operation: operation.describe(),
)
def test_operation__that_only_adds__is_taken(operation):
    assert find_faults_of(operation) == []


@pytest.mark.once
def test_operation__column_that_becomes_mandatory__is_refused():
    text = models.CharField(max_length=20, null=True)

    faults = find_faults_of(altered(text), altered(TEXT))

    assert [fault.endswith("may leave it empty") for fault in faults] == [True]


@pytest.mark.once
def test_operations__on_a_table_of_the_same_release__are_taken():
    other = migrations.CreateModel("Other", [("text", models.CharField(max_length=20))])

    assert find_faults_of(other, migrations.AddIndex("other", INDEX)) == []


@pytest.mark.django_db(transaction=True)
def test_add_index_in_place__there_and_back__on_the_database_in_use():
    state = ProjectState()
    state.add_model(THING.clone())
    thing = state.apps.get_model("shop", "thing")
    operation, after = AddIndexInPlace("thing", INDEX), state.clone()
    operation.state_forwards("shop", after)

    with connection.schema_editor() as editor:
        editor.create_model(thing)
    try:
        with connection.schema_editor(atomic=False) as editor:
            operation.database_forwards("shop", editor, state, after)
        there = read_indexes()
        with connection.schema_editor(atomic=False) as editor:
            operation.database_backwards("shop", editor, after, state)
        back = read_indexes()
    finally:
        with connection.schema_editor() as editor:
            editor.delete_model(thing)

    assert ("thing_text" in there, "thing_text" in back) == (True, False)


def read_indexes():
    with connection.cursor() as cursor:
        return connection.introspection.get_constraints(cursor, "shop_thing")
