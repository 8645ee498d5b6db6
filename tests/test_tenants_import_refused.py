"""tenants_import: files that are refused, and what each fault is told as."""

import io
import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from access.tenant_import import write_import
from access.tenant_plan import plan_import
from access.tenant_rows import read_rows
from events.services import Conflict
from tenancy.models import User
from tenancy.services import create_user
from tests.factories import BY, make_cast
from tests.tenant_files import FILE, HEADER, fail, run, summary, write

pytestmark = pytest.mark.django_db


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
        (b"type,name\n", "line 1: missing columns: id"),
        (b"type,id,id\n", 'line 1: the column "id" stands twice'),
        (b"type;id;name\n", "line 1: the columns are to be parted by commas"),
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
