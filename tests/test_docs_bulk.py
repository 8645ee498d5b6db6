"""docs/bulk.md: its commands, in order, do what it says."""

import re
import shlex

import pytest

from access.commands import Exit
from config.settings import BASE_DIR
from events.models import Event, Run
from features.models import UserOverride
from tenancy.models import User
from tests.factories import make_cast
from tests.test_features_bulk import shell

pytestmark = pytest.mark.django_db

COMMAND = re.compile(r"^\./run manage (.+)$", re.MULTILINE)
USERS = 1200  # the story tells of forty thousand


def test_docs__commands_of_the_story__end_well(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cast = make_cast()
    home = {"instance": cast.instance, "organization": cast.acme}
    names = [f"u{n}" for n in range(USERS)]
    User.objects.bulk_create(User(**home, public_id=name, username=name) for name in names)
    rows = "".join(f"user,{name},login_default_org,on\n" for name in ["alice", *names])
    (tmp_path / "rollout.csv").write_text(f"level,owner,feature,value\n{rows}")
    (tmp_path / "users.txt").write_text("alice\nbob\n")

    for command in COMMAND.findall((BASE_DIR / "docs" / "bulk.md").read_text()):
        is_about_run = "RUN" in command
        run = str(Run.objects.get(kind="bulk").pk) if is_about_run else ""
        line = command.replace("RUN", run)
        code, _, err = shell(*shlex.split(line))
        assert code == Exit.DONE, f"{line}: {err}"

    undo = Run.objects.get(kind="undo")
    assert (undo.reason, undo.changed) == ("Too early", USERS + 1)
    assert Event.objects.filter(run=undo.pk, type="features.reset").count() == USERS + 1
    # The batches of the last part gave it to everybody once more.
    assert UserOverride.objects.filter(feature__key="login_default_org").count() == USERS + 1
