"""Commands before somebody's eyes: their help, and their lists in a narrow terminal."""

import argparse
from io import StringIO

import pytest
from django.core.management import call_command, get_commands, load_command_class

from access.commands import Exit, StrataCommand
from tests.commanding import fail
from tests.factories import make_client


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def our_commands():
    for name, app in sorted(get_commands().items()):
        command = load_command_class(app, name)
        if isinstance(command, StrataCommand):
            yield pytest.param(name, command, id=name)


@pytest.mark.parametrize(("name", "command"), [*our_commands()])
def test_help__of_each_command__explains_its_options_and_no_other(name, command, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    parser = command.create_parser("manage.py", name)

    shown = parser.format_help()

    assert [one.dest for one in parser._actions if not one.help] == []
    assert f"Example: manage.py {name}" in shown
    assert "--pythonpath" not in shown
    assert max(map(len, shown.splitlines())) <= 80
    assert argparse.SUPPRESS not in shown


def shown_in(columns, monkeypatch, *arguments):
    monkeypatch.setenv("COLUMNS", str(columns))
    terminal = Terminal()
    call_command(*arguments, stdout=terminal, stderr=StringIO(), no_color=True)
    return terminal.getvalue()


def test_list__in_a_terminal_too_narrow_for_its_words__is_a_block_a_row(cast, monkeypatch):
    issued = make_client(cast.instance, "direct_read_access", description="Nightly")
    make_client(cast.instance, "owner", description="Importer")

    blocks = shown_in(80, monkeypatch, "clients_list").strip().split("\n\n")

    assert len(blocks) == 2
    (nightly,) = [block for block in blocks if "Nightly" in block]
    lines = [line.split(maxsplit=2) for line in nightly.splitlines()]
    assert ["CLIENT", "ID", issued.client.client_id] in lines
    assert nightly.splitlines()[3] == "FEATURES       direct_read_access"


@pytest.mark.parametrize("columns", [115, 120, 140, 200])
def test_list__in_a_wide_terminal__breaks_no_word_and_loses_none(cast, monkeypatch, columns):
    lines = shown_in(columns, monkeypatch, "features_list").splitlines()

    words = " ".join(lines).split()
    assert "oidc_trigger_introspection_projections" in words
    assert {"Trigger", "projections", "on", "introspection", "organization"} <= set(words)
    assert max(map(len, lines[1:])) <= columns


def test_list__of_nothing__says_so_beside_its_head(db):
    out, err = StringIO(), StringIO()

    call_command("clients_refusals", stdout=out, stderr=err)

    assert out.getvalue().split()[:3] == ["TIME", "CLIENT", "ID"]
    assert err.getvalue() == "There are none.\n"


def test_refusals__of_no_number__are_refused(db):
    assert fail("clients_refusals", "--limit", "0")[0] == Exit.USAGE
