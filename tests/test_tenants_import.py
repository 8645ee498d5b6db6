"""tenants_import and tenants_list: files to tenants, and back."""

import io
import json
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from access.models import Membership
from access.permissions import Role
from access.services import grant_role
from events.models import Event
from features.services import get_features
from tenancy.models import Instance, InstanceDomain, Organization, User
from tenancy.services import create_organization, create_user
from tests.factories import BY, make_cast
from tests.tenant_files import FILE, HEADER, counts, run, write

pytestmark = pytest.mark.django_db


def test_tenants_import__rows_in_any_order__make_the_tenants(tmp_path):
    report = json.loads(run(write(tmp_path, FILE), "--json"))

    assert report["summary"] == {"changed": 4, "unchanged": 0, "errors": 0}
    zoe = User.objects.get(public_id="zoe")
    assert (zoe.name, zoe.username, zoe.email) == ("Zoé", "zoe", "zoe@example.com")
    assert [str(owner) for owner in zoe.lineage()] == ["Zoé", "Sales", "North", "system"]
    assert not zoe.has_usable_password()
    assert set(InstanceDomain.objects.values_list("domain", flat=True)) == {
        "north.example",
        "xn--nrd-0na.example",
    }
    held = {(m.user.username, m.role, m.owner.reference) for m in Membership.objects.all()}
    assert held == {
        ("zoe", "ORG_OWNER", "organization:north/sales"),
        ("zoe", "IAM_OWNER_VIEWER", "instance:north"),
        ("olga", "SYSTEM_OWNER", "system"),
    }
    assert User.objects.get(username="olga").instance is None
    assert get_features(zoe).values


def test_tenants_import__history__tells_who_came_and_which_roles(tmp_path):
    report = json.loads(run(write(tmp_path, FILE), "--json", "--reason", "Move", "--actor", "ines"))

    events = [
        (str(event.stream), event.type, event.subject, event.after)
        for event in Event.objects.select_related("stream").order_by("stream", "sequence")
    ]
    assert sorted(map(str, events)) == sorted(
        map(
            str,
            [
                ("instance.tenant/north/north", "tenants.created", "", "North"),
                ("organization.tenant/north/sales", "tenants.created", "", "Sales"),
                ("user.tenant/north/zoe", "tenants.created", "", "Zoé"),
                ("user.tenant/op", "tenants.created", "", "Olga"),
                ("user.roles/north/zoe", "roles.granted", "ORG_OWNER", "organization:north/sales"),
                ("user.roles/north/zoe", "roles.granted", "IAM_OWNER_VIEWER", "instance:north"),
                ("user.roles/op", "roles.granted", "SYSTEM_OWNER", "system"),
            ],
        )
    )
    told = {(e.surface, e.reason, e.actor_name, str(e.run)) for e in Event.objects.all()}
    assert told == {("command", "Move", "ines", report["run"])}
    sequences = Event.objects.filter(stream__kind="user.roles").order_by("stream", "sequence")
    assert sorted(sequences.values_list("sequence", flat=True)) == [1, 1, 2]


def test_tenants_import__again__changes_nothing(tmp_path):
    file = write(tmp_path, FILE)
    run(file)
    before = counts()

    report = json.loads(run(file, "--json"))

    assert report["summary"] == {"changed": 0, "unchanged": 4, "errors": 0}
    assert report["run"] is None
    assert counts() == before


def test_tenants_import__dry_run__tells_the_same_and_writes_nothing(tmp_path):
    file = write(tmp_path, FILE)

    told = json.loads(run(file, "--json", "--dry-run"))
    between = counts()
    done = json.loads(run(file, "--json"))

    assert sum(between) == 0
    assert (told["dry_run"], told["run"]) == (True, None)
    assert (told["summary"], told["tenants"]) == (done["summary"], done["tenants"])


def test_tenants_import__update__changes_what_is_said_and_adds(tmp_path):
    cast = make_cast()
    grant_role(cast.bob, Role.ORG_USER_MANAGER, cast.acme, **BY)
    User.objects.filter(pk=cast.bob.pk).update(email="bob@example.com", name="Bob")

    run(
        write(
            tmp_path,
            f"{HEADER}\ninstance,main,Mainland,,new.example,,,\n"
            "user,bob,Robert,acme,,,,ORG_OWNER\norganization,acme,,main,,,,\n",
        )
    )

    bob = User.objects.get(public_id="bob")
    assert (bob.name, bob.username, bob.email) == ("Robert", "bob", "bob@example.com")
    assert set(bob.memberships.values_list("role", flat=True)) == {"ORG_USER_MANAGER", "ORG_OWNER"}
    assert Instance.objects.get().name == "Mainland"
    assert Organization.objects.get(public_id="acme").name == "Acme"
    assert set(InstanceDomain.objects.values_list("domain", flat=True)) == {
        "testserver",
        "new.example",
    }
    changed = Event.objects.filter(type="tenants.changed").values_list("subject", "before", "after")
    assert sorted(changed, key=str) == [
        ("domains", ["testserver"], ["new.example", "testserver"]),
        ("name", "Bob", "Robert"),
        ("name", "Main", "Mainland"),
    ]


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + FILE.encode(),
        FILE.replace("\n", "\r\n").encode(),
        FILE.replace("zoe@", '"zoe@').replace("example.com,", 'example.com",').encode(),
        FILE.replace("\nuser,zoe", "\n\n\nuser,zoe").encode(),
        FILE.rstrip().encode(),
    ],
    ids=["bom", "crlf", "quoted", "blank lines", "no last newline"],
)
def test_tenants_import__spelling_of_the_file__does_not_matter(tmp_path, content):
    run(write(tmp_path, content))

    assert User.objects.get(public_id="zoe").name == "Zoé"


def test_tenants_import__json_lines__mean_the_same(tmp_path):
    lines = [
        {"type": "user", "id": "007", "username": "james", "parent": "mi6", "roles": ["ORG_OWNER"]},
        {"type": "organization", "id": "mi6", "name": "MI6"},
        {"type": "instance", "id": "uk", "name": "UK", "domains": ["uk.example"], "email": None},
    ]

    run(write(tmp_path, "\n".join(map(json.dumps, lines)), "tenants.jsonl"))

    user = User.objects.get()
    assert (user.reference, user.memberships.get().role) == ("user:uk/007", "ORG_OWNER")


def test_tenants_import__stdin__is_read(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(FILE.encode())))

    run("-")

    assert User.objects.count() == 2


def test_tenants_import__ids_with_slashes__are_found(tmp_path):
    cast = make_cast()
    create_organization(cast.instance, "Deep", public_id="a/b:c")

    run(write(tmp_path, f"{HEADER}\nuser,x/y,,organization:main/a/b:c,,x,,\nuser,z,,a/b:c,,z,,\n"))

    references = set(User.objects.filter(organization__name="Deep").values_list("public_id"))
    assert references == {("x/y",), ("z",)}


@pytest.mark.parametrize("repeat", [False, True])
def test_tenants_import__ten_times_the_rows__takes_hardly_more_statements(tmp_path, repeat):
    make_cast()
    used = []
    for count in (50, 500):
        rows = [f"user,{count}-{i},,acme,,{count}-{i},,ORG_OWNER" for i in range(count)]
        file = write(tmp_path, "\n".join([HEADER, *rows]))
        if repeat:
            run(file)

        with CaptureQueriesContext(connection) as queries:
            run(file)
        used.append(len(queries))

    # SQLite takes only so many values a statement.
    assert used[1] <= used[0] + (0 if repeat else 30)


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_tenants_list__rows__are_what_an_import_reads(tmp_path, form):
    cast = make_cast()
    create_organization(cast.instance, "=1+1", public_id="'-x")
    grant_role(cast.bob, Role.IAM_OWNER, cast.instance, **BY)
    out = StringIO()

    call_command("tenants_list", "--format", form, stdout=out)
    report = json.loads(run(write(tmp_path, out.getvalue()), "--json", "--dry-run"))

    assert report["summary"] == {"changed": 0, "unchanged": 8, "errors": 0}


def test_tenants_list__type__leaves_the_others_out():
    make_cast()
    out = StringIO()

    call_command("tenants_list", "--type", "user", "--json", stdout=out)

    users = json.loads(out.getvalue())
    assert [user["id"] for user in users] == ["alice", "bob", "carol", "root"]
    assert users[0] == {
        "type": "user",
        "id": "alice",
        "parent": "organization:main/acme",
        "username": "alice",
        "roles": ["ORG_OWNER"],
    }
    assert users[3]["parent"] == "system"


def test_tenants_list__more_users__take_no_more_statements():
    cast = make_cast()
    used = []
    for count in (3, 30):
        for number in range(count):
            create_user(cast.acme, f"{count}-{number}")

        with CaptureQueriesContext(connection) as queries:
            call_command("tenants_list", "--format", "csv", stdout=StringIO())
        used.append(len(queries))

    assert used[0] == used[1]
