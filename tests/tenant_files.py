"""What the tests of tenants' files share: a file, and running an import of it."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from access.commands import Exit
from access.models import Membership
from events.models import Event
from tenancy.models import Instance, InstanceDomain, Organization, User

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
