"""The README's lines, run as a reader would: in a shell, against the server of ./run."""

import json
import os
import re
import signal
import subprocess
import sys

import pytest

from config.settings import BASE_DIR
from tests.test_run import find_free_port, make_environment, wait_for

pytestmark = pytest.mark.once

BLOCKS = re.findall(r"```sh\n(.*?)```", (BASE_DIR / "README.md").read_text(), re.DOTALL)
START, TOKENS, STORY, OPERATORS = BLOCKS


@pytest.fixture(scope="module")
def shell(tmp_path_factory):
    """Return a function that runs lines in a shell beside a new server, each line on its own."""
    folder = tmp_path_factory.mktemp("readme")
    port = str(find_free_port())
    environment = make_environment(
        PORT=port,
        DATABASE_URL=f"sqlite:///{folder}/db.sqlite3",
        SECRET_KEY="of the tests " * 5 + os.urandom(8).hex(),
        HTTPS="off",
        STATIC_ROOT="",
        TMPDIR=str(folder),
    )
    server = subprocess.Popen(
        [sys.executable, BASE_DIR / "run"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )

    def run(*lines: str) -> list[str]:
        script = "\n".join(f"{line}\necho; echo '----'" for line in lines)
        result = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script.replace(":8000", f":{port}")],
            cwd=BASE_DIR,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stderr
        return [output.strip() for output in result.stdout.split("----\n")[:-1]]

    try:
        assert wait_for(server, int(port), "/readyz")[0] == 200
        yield run
    finally:
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=30)


@pytest.fixture(scope="module")
def told(shell):
    """Tell the story once, reading once more while the value is set; return what each line said."""
    tokens, story = TOKENS.splitlines(), STORY.splitlines()
    on, effective, off, explain, inherits = story
    lines = [on, effective, off, effective, explain, inherits, effective, explain]
    return shell(*tokens, *lines)[-len(lines) :]


def test_readme__start__is_two_commands():
    assert START.splitlines() == ["cd strata", "./run"]


def test_readme__story__is_told_by_its_five_lines(told):
    on, effective, off, _, explained, inherits, at_last, at_last_explained = told

    assert json.loads(on)["details"]["resourceOwner"] == "SYSTEM"
    inherited = {"enabled": True, "source": "SOURCE_SYSTEM"}
    assert json.loads(effective)["loginDefaultOrg"] == inherited
    assert '"loginDefaultOrg":{"enabled":true,"source":"SOURCE_SYSTEM"}' in effective
    assert json.loads(off)["details"]["sequence"] == "1"
    assert "\nOff, because the organization Acme set it on" in explained
    assert json.loads(inherits)["details"]["sequence"] == "2"
    assert json.loads(at_last)["loginDefaultOrg"] == inherited
    assert "\nOn, because the system set it on" in at_last_explained


def test_readme__explanation__is_what_the_command_prints(told):
    shown = (BASE_DIR / "README.md").read_text().split("```text\n")[1].split("```")[0]

    printed = told[4]

    without_date = [re.sub(r" on .*\.$", "", text.strip()) for text in (printed, shown)]
    assert without_date[0] == without_date[1]


def test_readme__organization_value__wins_while_it_is_set(told):
    effective = told[3]

    assert json.loads(effective)["loginDefaultOrg"] == {
        "enabled": False,
        "source": "SOURCE_ORGANIZATION",
    }


def test_readme__operators__lines_answer(shell):
    shown, told, listed = shell(*OPERATORS.splitlines())

    assert shown.splitlines()[0].split() == ["FEATURE", "VALUE", "SOURCE"]
    assert told == "organization:demo/acme actions: inherits → on"
    assert "organization:demo/globex" in listed


def test_commands__reader_closes_the_pipe__end_quietly(shell):
    closed, said = shell(
        './run manage features_list 2>"$TMPDIR/said" | true',
        'cat "$TMPDIR/said"',
    )

    assert (closed, said) == ("", "")


def test_readme__links__lead_somewhere():
    text = (BASE_DIR / "README.md").read_text()

    for target in re.findall(r"\]\((?!http)(.*?)\)", text):
        assert (BASE_DIR / target).exists(), target
