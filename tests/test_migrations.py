"""From no tables to all of them, and what every migrate puts in place afterwards."""

import os
import subprocess
import sys
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection

from config.settings import BASE_DIR
from features.catalogue import BUILTINS
from features.definitions import current_definitions, synchronise_builtins
from features.models import Feature
from tenancy.models import System
from tenancy.revision import current_revision, touch_revision


@contextmanager
def make_empty_database(folder: Path):
    """Give the address of a database without tables, on the server that the tests use."""
    if connection.vendor == "sqlite":
        yield f"sqlite:///{folder}/empty.sqlite3"
        return
    settings = connection.settings_dict
    with connection.cursor() as cursor:
        cursor.execute("CREATE DATABASE strata_empty")
    try:
        yield f"postgres://strata@/strata_empty?host={settings['OPTIONS']['host']}"
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP DATABASE strata_empty")


SCRIPT = """
import sys, django
django.setup()
from django.core.management import call_command
for step in sys.argv[1:]:
    call_command("migrate", *step.split(), verbosity=0)
from features.models import Feature
print(Feature.objects.filter(builtin=True).count())
"""


def migrate_elsewhere(url, script, *arguments):
    """Run a script over another database and return what it printed."""
    result = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=BASE_DIR,
        env=os.environ | {"DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "config.settings"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.django_db(transaction=True)
def test_migrate__app_by_app_from_nothing_and_back__ends_with_the_whole_catalogue(tmp_path):
    steps = ["events", "tenancy", "features zero", "features", "tenancy zero", ""]

    with make_empty_database(tmp_path) as url:
        printed = migrate_elsewhere(url, SCRIPT, *steps)

    assert printed == f"{len(BUILTINS)}\n"


OLD_ROWS = """
import django
django.setup()
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.utils import timezone

call_command("migrate", "features", "0003", verbosity=0)
apps = MigrationLoader(connection).project_state(("features", "0003_lists_in_order")).apps
model = lambda name: apps.get_model(name)._default_manager
key = model("features.Feature").create(key="a", json_name="a", name="a", kind="x", default=0).pk
made = {"feature_id": key, "value": True, "changed_at": timezone.now()}
for n in (1, 2):
    instance = model("tenancy.Instance").create(public_id=f"i{n}", name="")
    acme = model("tenancy.Organization").create(instance=instance, public_id="acme", name="")
    model("features.OrganizationOverride").create(owner=acme, **made)
    for name in ("x", "y"):
        place = {"instance": instance, "organization": acme}
        user = model("tenancy.User").create(**place, public_id=name, username=name)
        model("features.UserOverride").create(owner=user, **made)
root = model("tenancy.User").create(username="root")
model("features.UserOverride").create(owner=root, **made)

call_command("migrate", verbosity=0)
from tests.replay import misplaced
from features.models import OrganizationOverride, UserOverride
print(OrganizationOverride.objects.count(), UserOverride.objects.count(), misplaced())
"""


@pytest.mark.django_db(transaction=True)
def test_migrate__overrides_of_before__learn_where_their_owners_belong(tmp_path):
    with make_empty_database(tmp_path) as url:
        printed = migrate_elsewhere(url, OLD_ROWS)

    assert printed == "2 5 []\n"


OLD_EVENTS = """
import django
django.setup()
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.utils import timezone

call_command("migrate", "tenancy", "0004", verbosity=0)
call_command("migrate", "events", "0005", verbosity=0)
apps = MigrationLoader(connection).project_state([("events", "0005_lists_in_order"),
    ("tenancy", "0004_user_public_id")]).apps
model = lambda name: apps.get_model(name)._default_manager
instance = model("tenancy.Instance").create(public_id="i", name="")
acme = model("tenancy.Organization").create(instance=instance, public_id="acme", name="")
bob = model("tenancy.User").create(
    instance=instance, organization=acme, public_id="bob", username="bob")
streams = [
    ("system", "", "SYSTEM"), ("instance", "i", "i"), ("organization", "i", "acme"),
    ("user", "i", "bob"), ("user", "i", "gone"), ("user", "gone", "bob")]
for kind, of, owner in streams:
    stream = model("events.Stream").create(kind=kind, instance=of, owner=owner, sequence=1)
    made = {"type": "features.set", "created_at": timezone.now()}
    model("events.Event").create(stream=stream, sequence=1, **made)

call_command("migrate", verbosity=0)
from events.models import Event
for event in Event.objects.filter(type="features.set").order_by("pk"):
    here = {instance.pk: "here"}.get(event.instance_key, event.instance_key)
    there = {acme.pk: "acme"}.get(event.organization_key, event.organization_key)
    print(event.stream, here, there)
"""


@pytest.mark.django_db(transaction=True)
def test_migrate__events_of_before__learn_where_they_belong(tmp_path):
    with make_empty_database(tmp_path) as url:
        printed = migrate_elsewhere(url, OLD_EVENTS)

    assert [line.split()[-2:] for line in printed.splitlines()] == [
        ["0", "None"],
        ["here", "None"],
        ["here", "acme"],
        ["here", "acme"],
        ["here", "None"],
        ["-1", "None"],
    ]


PLACES = """
import django
django.setup()
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

BEFORE, AFTER = ("access", "0003_lists_in_order"), ("access", "0005_lists_by_place")
HELD = "SELECT role, instance_id, organization_id FROM access_membership ORDER BY role"
TOKENS = "SELECT digest, instance_id FROM access_accesstoken ORDER BY digest"

def migrate(target):
    executor = MigrationExecutor(connection)
    executor.migrate([target])
    return MigrationExecutor(connection).loader.project_state([target]).apps

def read(query):
    with connection.cursor() as cursor:
        cursor.execute(query)
        print(*(tuple(row) for row in cursor.fetchall()))

apps = migrate(BEFORE)
table = lambda name: apps.get_model(name)._base_manager
instance = table("tenancy.Instance").create(pk=70, public_id="main", name="Main")
acme = table("tenancy.Organization").create(pk=80, instance=instance, public_id="a", name="A")
user = table("tenancy.User").create(
    instance=instance, organization=acme, public_id="u", username="u")
root = table("tenancy.User").create(public_id="root", username="root")
client = table("clients.ApiClient").create(instance=instance, client_id="c", secret_digest="s")
held = table("access.Membership")
held.create(user=user, role="ORG_OWNER", organization=acme)
held.create(user=user, role="IAM_OWNER", instance=instance)
held.create(user=root, role="SYSTEM_OWNER")
for name, holder in {"user": user, "client": client, "root": root}.items():
    column = "client" if name == "client" else "user"
    table("access.AccessToken").create(digest=name, expires_at=timezone.now(), **{column: holder})
migrate(AFTER)
read(HELD)
read(TOKENS)
migrate(BEFORE)
read(HELD)
"""


@pytest.mark.django_db(transaction=True)
def test_migrate__roles_and_tokens_there_already__get_their_instances_and_lose_them(tmp_path):
    with make_empty_database(tmp_path) as url:
        printed = migrate_elsewhere(url, PLACES)

    assert printed.splitlines() == [
        "('IAM_OWNER', 70, None) ('ORG_OWNER', 70, 80) ('SYSTEM_OWNER', None, None)",
        "('client', 70) ('root', None) ('user', 70)",
        "('IAM_OWNER', 70, None) ('ORG_OWNER', None, 80) ('SYSTEM_OWNER', None, None)",
    ]


@pytest.mark.django_db
def test_migrate__done_before__keeps_what_an_administrator_changed():
    Feature.objects.filter(key="actions").update(enabled=False, expires_on=date(2030, 1, 1))
    Feature.objects.filter(key="user_schema").update(name="Renamed", levels=[], default=True)
    touch_revision()

    call_command("migrate", verbosity=0)

    actions = Feature.objects.get(key="actions")
    assert (actions.enabled, actions.expires_on) == (False, date(2030, 1, 1))
    user_schema = current_definitions().get("user_schema")
    assert (user_schema.name, user_schema.rules.default) == ("User schemas", False)
    assert len(user_schema.rules.levels) == 4


@pytest.mark.django_db
def test_synchronise_builtins__twice__is_the_same_catalogue_at_another_revision():
    before = list(Feature.objects.order_by("pk").values())
    revision = current_revision()

    synchronise_builtins()

    assert list(Feature.objects.order_by("pk").values()) == before
    assert [row["key"] for row in sorted(before, key=lambda row: row["position"])] == [
        builtin.key for builtin in BUILTINS
    ]
    assert current_revision() != revision


@pytest.mark.django_db
def test_synchronise_builtins__custom_features__are_left_alone():
    Feature.objects.create(
        key="custom", json_name="custom", name="Custom", kind="boolean", default=False
    )

    synchronise_builtins()

    assert Feature.objects.get(key="custom").builtin is False


@pytest.mark.django_db(transaction=True)
def test_flush__migrated_database__puts_back_what_always_exists():
    call_command("flush", interactive=False, verbosity=0)

    assert System.objects.get().pk == 1
    assert Feature.objects.count() == len(BUILTINS)
