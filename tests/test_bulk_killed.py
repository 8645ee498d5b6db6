"""Bulk runs that are killed, that meet one another, and that go on beside single changes.

They run in processes of their own, on a database of their own, as nothing else could kill them.
"""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from config.settings import BASE_DIR
from events.models import Event, Run, RunState, Stream
from features.models import UserOverride
from features.services import explain, set_features
from tenancy.models import User
from tests.factories import BY, make_cast
from tests.server import database_url

pytestmark = pytest.mark.django_db(transaction=True)

FEATURE, ROWS, BATCH, KILLS = "login_default_org", 2000, 100, 3


@pytest.fixture
def rows(tmp_path):
    """A file that gives a feature to two thousand users of acme."""
    cast = make_cast()
    User.objects.bulk_create(
        User(instance=cast.instance, organization=cast.acme, public_id=f"u{n}", username=f"u{n}")
        for n in range(ROWS)
    )
    file = tmp_path / "rows.csv"
    lines = [f"user,u{n},{FEATURE},on\n" for n in range(ROWS)]
    file.write_text("level,owner,feature,value\n" + "".join(lines))
    return str(file)


def start(*arguments, stdout=subprocess.PIPE):
    """Start a command on the tests' own database."""
    settings = {"DATABASE_URL": database_url(), "DJANGO_SETTINGS_MODULE": "config.settings"}
    return subprocess.Popen(
        [sys.executable, "manage.py", *arguments],
        cwd=BASE_DIR,
        env=os.environ | settings,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
    )


def is_whole():
    """Whether every override has its one event, and every stream stands where its events end."""
    overrides = UserOverride.objects.count()
    events = Event.objects.filter(subject=FEATURE)
    streams = Stream.objects.filter(kind="user", sequence=1).count()
    return overrides == events.count() == streams == events.values("stream").distinct().count()


def test_bulk__killed_again_and_again__goes_on_to_the_whole(rows):
    moments = random.Random(7)
    options = ["features_bulk", rows, "--yes", "--batch-size", str(BATCH), "--quiet"]
    seen = []
    for _ in range(KILLS):
        run = Run.objects.filter(state=RunState.RUNNING).first()
        process = start(*options, *(["--resume", str(run.pk)] if run else []))
        wanted = (run.batches if run else 0) + moments.randint(1, 4)
        wait_until(lambda wanted=wanted: Run.objects.filter(batches__gte=wanted).exists(), process)
        time.sleep(moments.random() / 50)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert is_whole()
        seen.append(UserOverride.objects.count())
    assert seen[0] < ROWS

    run = Run.objects.get()
    if run.state == RunState.RUNNING:
        finish(start(*options, "--resume", str(run.pk)))

    run.refresh_from_db()
    assert (run.state, run.changed, run.batches) == (RunState.DONE, ROWS, ROWS // BATCH)
    assert is_whole()
    assert UserOverride.objects.filter(value=True).count() == ROWS
    assert Event.objects.filter(run=run.pk).count() == ROWS


def test_bulk__killed_while_all_or_nothing__leaves_nothing(rows):
    process = start("features_bulk", rows, "--yes", "--quiet")
    time.sleep(0.9)
    process.send_signal(signal.SIGKILL)
    process.communicate()

    assert UserOverride.objects.count() in {0, ROWS}
    assert is_whole()


def test_bulk__interrupted__leaves_whole_batches_and_says_how_to_go_on(rows):
    # Its changes are more than a pipe holds that nobody reads: it cannot be done before the signal.
    process = start("features_bulk", rows, "--yes", "--batch-size", "20", "--json-lines")
    wait_until(lambda: Run.objects.filter(batches__gte=1).exists(), process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)

    assert 0 < UserOverride.objects.count() < ROWS
    assert (process.returncode, f"--resume {Run.objects.get().pk}" in err) == (130, True), err
    assert "Traceback" not in err
    assert is_whole()


def test_bulk__two_at_once__wait_for_one_another_and_lose_nothing(rows, tmp_path):
    other = tmp_path / "other.csv"
    other.write_text(Path(rows).read_text().replace(FEATURE, "actions"))

    both = [
        start("features_bulk", str(file), "--yes", "--batch-size", "500") for file in (rows, other)
    ]
    for process in both:
        finish(process)

    assert UserOverride.objects.count() == 2 * ROWS
    assert Stream.objects.filter(kind="user", sequence=2).count() == ROWS
    runs = list(Run.objects.order_by("started_at"))
    first, second = (
        set(Event.objects.filter(run=run.pk).values_list("id", flat=True)) for run in runs
    )
    assert max(first) < min(second) or max(second) < min(first)


def test_bulk__meanwhile__single_changes_are_kept(rows):
    alice = User.objects.get(public_id="alice")
    process = start("features_bulk", rows, "--yes", "--batch-size", "100")
    value, changes = False, 0
    while process.poll() is None:
        value, changes = not value, changes + 1
        set_features(alice, {FEATURE: value}, **BY)
    process.communicate()

    assert process.returncode == 0
    assert explain(alice, FEATURE).effective.value is value
    assert Event.objects.filter(stream__owner="alice", subject=FEATURE).count() == changes
    assert UserOverride.objects.count() == ROWS + 1


def test_bulk__pipe_closed_by_the_reader__still_writes_all(rows):
    process = start("features_bulk", rows, "--yes", "--batch-size", "100", "--json-lines")
    process.stdout.close()
    process.stderr.close()

    assert process.wait(timeout=120) == 0
    assert UserOverride.objects.count() == ROWS


def test_export__stdout_on_a_full_disk__fails_with_a_sentence(rows):
    with Path("/dev/full").open("w") as full:
        process = start("features_export", stdout=full)
        _, err = process.communicate(timeout=60)

    assert (process.returncode, "the disk is full" in err) == (1, True)
    assert "Traceback" not in err


def finish(process):
    """Wait for a command that does well."""
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err


def wait_until(holds, process):
    """Look again and again until it holds, or the process has ended."""
    while not holds() and process.poll() is None:
        time.sleep(0.005)
