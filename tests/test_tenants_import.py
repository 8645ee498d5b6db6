"""tenants_import and tenants_list: files to tenants, and back."""

import io
import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from access.commands import Exit
from access.models import Membership
from access.permissions import Role
from access.services import grant_role
from access.tenant_import import write_import
from access.tenant_plan import plan_import
from access.tenant_rows import read_rows
from events.models import Event
from events.services import Conflict
from features.services import get_features
from tenancy.models import Instance, InstanceDomain, Organization, User
from tenancy.services import create_organization, create_user
from tests.factories import BY, make_cast

pytestmark = pytest.mark.django_db

HEADER = "type,id,name,parent,domains,username,email,roles"
FILE = f"""{HEADER}
user,zoe,Zoé,organization:north/sales,,zoe,zoe@example.com,ORG_OWNER;IAM_OWNER_VIEWER
organization,sales,Sales,instance:north,,,,
instance,north,North,,North.Example;xn--nrd-0na.example,,,
user,op,Olga,system,,olga,,SYSTEM_OWNER
"""


def write(folder, content: str | bytes, name: str = "tenants.csv") -> str:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("tenants_import", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def fail(*arguments: str) -> list[str]:
    """Return what a refused import says, having checked that it wrote nothing."""
    before = counts()
    with pytest.raises(CommandError) as caught:
        run(*arguments)
    assert caught.value.returncode == Exit.FAILED
    assert counts() == before
    *lines, last = str(caught.value).splitlines()
    assert last == "nothing was written"
    return lines


def counts() -> list[int]:
    models = (Instance, InstanceDomain, Organization, User, Membership, Event)
    return [model.objects.count() for model in models]


def summary(printed: str):
    return json.loads(printed)["summary"]


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
                ("tenant/north/north", "tenants.created", "", "North"),
                ("tenant/north/sales", "tenants.created", "", "Sales"),
                ("tenant/north/zoe", "tenants.created", "", "Zoé"),
                ("tenant/op", "tenants.created", "", "Olga"),
                ("roles/north/zoe", "roles.granted", "ORG_OWNER", "organization:north/sales"),
                ("roles/north/zoe", "roles.granted", "IAM_OWNER_VIEWER", "instance:north"),
                ("roles/op", "roles.granted", "SYSTEM_OWNER", "system"),
            ],
        )
    )
    told = {(e.surface, e.reason, e.actor_name, str(e.run)) for e in Event.objects.all()}
    assert told == {("command", "Move", "ines", report["run"])}
    sequences = Event.objects.filter(stream__kind="roles").order_by("stream", "sequence")
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


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("usr,x,,acme,,x,,", 'there is no type "usr"; did you mean "user"?'),
        ("system,x,,,,,,", 'there is no type "system"; write instance, organization, user'),
        (",x,,acme,,x,,", "has no type; write instance, organization, user"),
        ("user,,X,acme,,x,,", "id: is missing: without it the file could not be read twice"),
        (f"user,{'x' * 201},X,acme,,x,,", "id: must have 1 to 200 characters"),
        ("user,x,X,acme,,,,", "username: is missing, and there is no such user yet"),
        ("user,x,X,,,x,,", "parent: is missing: write organization:ID"),
        ("user,x,X,acmee,,x,,", 'parent: there is no organization "acmee"; did you mean "acme"?'),
        ("user,x,X,organization:other/acme,,x,,", 'parent: there is no organization "organization'),
        ("user,x,X,acme,,bob,,", 'username: "bob" is user bob\'s'),
        ("user,x,X,acme,,x,nobody,", "email: Enter a valid email address."),
        ("user,x,X,acme,,x,,ORG_OWNR", 'roles: there is no role "ORG_OWNR"; did you mean "ORG_OWN'),
        ("user,x,X,acme,,x,,SYSTEM_OWNER", "roles: SYSTEM_OWNER is for an operator: parent system"),
        ("user,x,X,system,,x,,ORG_OWNER", "roles: ORG_OWNER is for a user of an organization"),
        ("user,carol,,acme,,,,", "parent: the user is in another organization, and users do not"),
        ("user,x,X,acme,a.example,x,,", "domains: is not for a row of type user"),
        ("organization,x,X,main,,,,ORG_OWNER", "roles: is not for a row of type organization"),
        ("organization,x,X,instance:mian,,,,", 'parent: there is no instance "instance:mian"; did'),
        ("organization,x,,main,,,,", "name: is missing, and there is no such organization yet"),
        ("instance,x,X,instance:main,,,,", "parent: an instance belongs to the system"),
        ("instance,x,X,,not a domain,,,", 'domains: "not a domain" is no host name'),
        ("instance,x,X,,testserver,,,", "domains: testserver belongs to instance main"),
        ("user,x,X,acme,,x", "has 6 cells where the header has 8"),
        ("user,x,X,acme,,x,,,,", "has 10 cells where the header has 8"),
        ("user,x,a\x07b,acme,,x,,", "name: must not contain control characters"),
    ],
)
def test_tenants_import__bad_row__is_told_with_its_line(tmp_path, row, fault):
    make_cast()

    lines = fail(write(tmp_path, f"{HEADER}\nuser,new,New,acme,,new,,\n{row}\n"))

    assert [line[: len(fault) + 8] for line in lines] == [f"line 3: {fault}"]


def test_tenants_import__faults__are_told_together_in_order(tmp_path):
    make_cast()
    file = write(
        tmp_path,
        f"{HEADER}\nuser,a,,acmee,,a,,\nuser,b,,acme,,b,,ROLE\nuser,c,,acme,,c,,\n"
        "user,c,,acme,,c,,\nuser,c,,acme,,d,,\nuser,d,,acme,,b2,,\nuser,e,,acme,,b2,,\n",
    )

    lines = fail(file)

    assert lines == [
        'line 2: parent: there is no organization "acmee"; did you mean "acme"?',
        'line 3: roles: there is no role "ROLE"',
        'line 6: id: user "c" is another on line 4',
        'line 8: username: "b2" is user d\'s, too',
    ]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty: the first line names the columns, type,id,name,parent"),
        (b"\n\n", "is empty: the first line names"),
        (FILE.encode("utf-16"), "line 1: is not UTF-8 (UTF-16, it seems): save it as UTF-8"),
        (FILE.encode("utf-16-le"), "line 1: is not UTF-8 (UTF-16, it seems): save it as UTF-8"),
        (FILE.encode("latin-1"), "line 2: name: is not UTF-8"),
        (b"type,id,nmae\n", 'line 1: there is no column "nmae"; did you mean "name"?'),
        (b"type,name\n", 'line 1: the column "id" is missing'),
        (b"type,id,id\n", 'line 1: the column "id" stands there twice'),
        (b"type;id;name\n", "line 1: the columns are to be parted by commas; the column"),
        (b'type,id\nuser,"x\n', "line 2: is no CSV: unexpected end of data"),
        (b'[{"type": "user"}]', "line 1: is JSON, but not JSON Lines: write one object on each"),
        (b'{"type": "user"\n', "line 1: is no JSON: "),
        (b'{"type": "user", "id": 7}\n', "line 1: id: must be a text, in quotes"),
        (b'{"type": "user", "id": "7", "id": "8"}\n', "line 1: is no JSON: a name stands there tw"),
        (b'{"type": "user", "idd": "7"}\n', 'line 1: there is no column "idd"; did you mean "id"?'),
        (b'{"type": "instance", "id": "7", "name": "a"}\n[1]\n', "line 2: is no JSON object"),
    ],
)
def test_tenants_import__bad_file__says_what_it_should_be(tmp_path, content, sentence):
    lines = fail(write(tmp_path, content))

    assert lines[0].startswith(sentence)


def test_tenants_import__header_alone__is_nothing_to_do(tmp_path):
    assert summary(run(write(tmp_path, HEADER), "--json"))["changed"] == 0


def test_tenants_import__no_such_file__says_so():
    with pytest.raises(CommandError, match=r"nowhere\.csv: No such file or directory"):
        run("nowhere.csv")


def test_tenants_import__several_instances__need_the_instance_named(tmp_path):
    cast = make_cast()
    file = f"{HEADER}\ninstance,two,Two,,,,,\norganization,acme,Acme II,instance:two,,,,\n"

    lines = fail(write(tmp_path, f"{file}user,x,,organization:acme,,x,,\n"))
    run(write(tmp_path, f"{file}user,bob,,organization:two/acme,,bob,,\n"))

    assert lines == [
        'line 4: parent: there are several organizations "acme": write organization:INSTANCE/ID'
    ]
    assert User.objects.filter(public_id="bob").count() == 2
    assert User.objects.get(public_id="bob", instance=cast.instance).organization == cast.acme


def test_tenants_import__ids_with_slashes__are_found(tmp_path):
    cast = make_cast()
    create_organization(cast.instance, "Deep", public_id="a/b:c")

    run(write(tmp_path, f"{HEADER}\nuser,x/y,,organization:main/a/b:c,,x,,\nuser,z,,a/b:c,,z,,\n"))

    references = set(User.objects.filter(organization__name="Deep").values_list("public_id"))
    assert references == {("x/y",), ("z",)}


def test_tenants_import__json_failure__is_one_document(tmp_path, capsys):
    out = StringIO()

    with pytest.raises(CommandError):
        call_command(
            "tenants_import",
            write(tmp_path, f"{HEADER}\nuser,x,,nowhere,,x,,\n"),
            "--json",
            stdout=out,
        )

    report = json.loads(out.getvalue())
    assert report["summary"] == {"changed": 0, "unchanged": 0, "errors": 1}
    assert report["errors"] == [
        {"line": 2, "code": "parent", "message": 'parent: there is no organization "nowhere"'}
    ]


def test_tenants_import__made_by_somebody_else_meanwhile__is_a_conflict():
    cast = make_cast()
    rows = read_rows(io.BytesIO(f"{HEADER}\nuser,x,,acme,,x,,\n".encode()), [])
    plan = plan_import(rows, [])
    create_user(cast.acme, "x", public_id="x")

    with pytest.raises(Conflict):
        write_import(plan, **BY)


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
