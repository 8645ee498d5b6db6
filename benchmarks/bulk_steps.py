"""The steps of benchmarks.bulk, each run in a process of its own; prints what it measured."""

import io
import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django

django.setup()

from django.db import connection, transaction  # noqa: E402

EVENT = """INSERT INTO events_event (stream_id, sequence, instance_key, organization_key, type,
    subject, after, locked_before, locked_after, actor_type, actor_id, actor_name, behalf_type,
    behalf_id, behalf_name, surface, reason, run, request_id, address, created_at)
    SELECT s.id, s.sequence, 1, {organization}, 'features.set', 'login_default_org', 'true', false,
    false, 'operator', 'x', 'x', '', '', '', 'command', '', {run}, '', '', {now}
    FROM floor_row r JOIN events_stream s ON s.kind = r.level AND s.instance = 'main'
    AND s.owner = r.owner JOIN tenancy_{level} o ON o.instance_id = 1 AND o.public_id = r.owner"""
STREAM = """INSERT INTO events_stream (kind, instance, owner, sequence, created_at, changed_at)
    SELECT level, 'main', owner, 1, {now}, {now} FROM floor_row WHERE true
    ON CONFLICT (kind, instance, owner) DO UPDATE SET sequence = events_stream.sequence + 1,
    changed_at = excluded.changed_at"""
OVERRIDE = """INSERT INTO features_{level}override (owner_id, feature_id, value, locked, changed_at,
    {columns}) SELECT o.id, f.id, 'true', false, {now}, {places} FROM floor_row r
    JOIN tenancy_{level} o ON o.instance_id = 1 AND o.public_id = r.owner
    JOIN features_feature f ON f.key = r.feature WHERE true
    ON CONFLICT (owner_id, feature_id) DO UPDATE SET value = excluded.value,
    locked = excluded.locked, changed_at = excluded.changed_at"""


def fill(level: str, number: str) -> None:
    """Make an instance with that many users, or organizations."""
    from tenancy.services import create_instance, create_organization

    instance = create_instance("Main", public_id="main")
    assert instance.pk == 1
    acme = create_organization(instance, "Acme", public_id="acme")
    numbers = (
        f"generate_series(1, {number}) AS numbers(n)"
        if connection.vendor == "postgresql"
        else f"""(WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers
            WHERE n < {number}) SELECT n FROM numbers) AS numbers"""
    )
    with connection.cursor() as cursor:
        if level == "user":
            cursor.execute(
                f"""INSERT INTO tenancy_user (password, instance_id, organization_id, public_id,
                username, name, email, is_active, is_staff, is_superuser, created_at)
                SELECT '!', 1, {acme.pk}, 'u' || n, 'u' || n, 'User ' || n, '', true, false, false,
                CURRENT_TIMESTAMP FROM {numbers}"""
            )
        else:
            cursor.execute(
                f"""INSERT INTO tenancy_organization (instance_id, public_id, name, created_at)
                SELECT 1, 'u' || n, 'Organization ' || n, CURRENT_TIMESTAMP FROM {numbers}"""
            )
        if connection.vendor == "postgresql":
            cursor.execute("VACUUM ANALYZE")
        else:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def floor(path: str) -> None:
    """Do the least that the work can cost."""
    is_postgresql = connection.vendor == "postgresql"
    names: dict[str, Any] = {
        "now": "now()" if is_postgresql else "'2026-01-01 00:00:00'",
        "run": "'8a4cb1f0-0000-4000-8000-000000000000'"
        if is_postgresql
        else "'8a4cb1f0000040008000000000000000'",
    }
    with transaction.atomic(), connection.cursor() as cursor, Path(path).open("rb") as file:
        cursor.execute(
            "CREATE TEMP TABLE floor_row (level text, owner text, feature text, value text)"
        )
        if is_postgresql:
            with cursor.copy("COPY floor_row FROM STDIN (FORMAT csv, HEADER)") as copy:
                while block := file.read(1 << 16):
                    copy.write(block)
            cursor.execute("ANALYZE floor_row")
        else:
            import csv

            reader = csv.reader(map(bytes.decode, file))
            names["level"] = next(reader)
            connection.connection.executemany("INSERT INTO floor_row VALUES (?, ?, ?, ?)", reader)
        cursor.execute("SELECT level FROM floor_row LIMIT 1")
        names["level"] = cursor.fetchone()[0]
        places = ["instance_id"] + ["organization_id"] * (names["level"] == "user")
        names |= {
            "columns": ", ".join(places),
            "places": ", ".join(f"o.{column}" for column in places),
            "organization": "o.organization_id" if names["level"] == "user" else "o.id",
        }
        for statement in (STREAM, OVERRIDE, EVENT):
            cursor.execute(statement.format(**names))


def strata(path: str) -> None:
    """Do it with Strata's own command."""
    from django.core.management import call_command

    call_command("features_bulk", path, yes=True, quiet=True, stdout=io.StringIO())


def check(path: str) -> None:
    from events.models import Event

    rows = Path(path).read_bytes().count(b"\n") - 1
    assert Event.objects.filter(type="features.set").count() == rows


if __name__ == "__main__":
    steps: dict[str, Callable[..., None]] = {"fill": fill, "floor": floor, "strata": strata}
    started = time.perf_counter()
    steps[sys.argv[1]](*sys.argv[2:])
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if sys.argv[1] != "fill":
        check(sys.argv[2])
    print(json.dumps({"seconds": seconds, "peak": peak}))
