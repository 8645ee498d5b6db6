"""docs/commands.md: every example runs, and every command of ours has one."""

import json
import re
import shlex
from io import StringIO

import pytest
from django.core.management import call_command, get_commands, load_command_class

from access.commands import StrataCommand
from clients.models import ApiClient, Refusal, RefusalReason
from config.settings import BASE_DIR

pytestmark = pytest.mark.django_db

TEXT = (BASE_DIR / "docs/commands.md").read_text()
EXAMPLES = [
    line.removeprefix("./run manage ")
    for block in re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)
    for line in block.splitlines()
]


def our_commands() -> dict[str, StrataCommand]:
    found = {name: load_command_class(str(app), name) for name, app in get_commands().items()}
    return {name: found[name] for name in found if isinstance(found[name], StrataCommand)}  # type: ignore[misc]


def test_docs_commands__examples__all_run_in_their_order(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    csv = re.search(r"```csv\n(.*?)```", TEXT, re.DOTALL)
    assert csv
    (tmp_path / "tenants.csv").write_text(csv[1])
    call_command("demo", "--quiet", stdout=StringIO())
    client = ApiClient.objects.get(features__name="direct_read_access")
    Refusal.objects.create(client_id=client.client_id, reason=RefusalReason.ADDRESS)

    for example in EXAMPLES:
        name, *arguments = shlex.split(example.replace("$CLIENT", client.client_id))
        out = StringIO()
        call_command(name, *arguments, stdout=out, stderr=StringIO())
        if "--json" in arguments:
            assert json.loads(out.getvalue()), example
        elif "--dry-run" not in arguments and "--if-empty" not in arguments:
            assert out.getvalue(), example


@pytest.mark.parametrize("name", sorted(our_commands()))
def test_docs_commands__every_command__is_there(name):
    assert name in re.findall(r"\w+", TEXT)


@pytest.mark.parametrize("name", sorted(our_commands()))
def test_commands__help__shows_an_example_that_can_be_read(name):
    command = our_commands()[name]
    parser = command.create_parser("manage.py", name)

    example = command.example

    assert example.split()[0] == name
    parser.parse_args(shlex.split(example)[1:])
    assert " ".join(example.split()) in " ".join(parser.format_help().split())
