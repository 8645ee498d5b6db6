"""Measures the admin's pages in a small and in a large database: queries and milliseconds.

    ./run bench admin [--users 1000000]

The large one has a hundredth as many organizations, a two-hundredth as many features, an override
for every tenth user and as many events as users. Each page is opened three times; the best counts.
"""

import argparse
import os
import secrets
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

SMALL = 2000
TIMES = 3
HERE = Path(__file__).resolve().parent.parent


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="./run bench admin")
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.measure:
        return measure(options.users)
    with tempfile.TemporaryDirectory(prefix="strata-bench-") as folder:
        for users in (SMALL, options.users):
            environment = os.environ | {
                "SECRET_KEY": secrets.token_urlsafe(50),
                "DATABASE_URL": f"sqlite:///{folder}/{users}.sqlite3",
                "DJANGO_SETTINGS_MODULE": "config.settings",
                "HTTPS": "off",
                "STATIC_ROOT": "",
                "LOG_LEVEL": "ERROR",
            }
            migrate = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
            subprocess.run(migrate, cwd=HERE, env=environment, check=True)
            again = [sys.executable, "-m", "benchmarks", "admin", "--measure", "--users"]
            subprocess.run([*again, str(users)], cwd=HERE, env=environment, check=True)
    return 0


def measure(users: int) -> int:
    import django

    django.setup()
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    print(f"\n{users:,} users", flush=True)
    people, pages = seed(users)
    for name, person in people.items():
        client = Client(headers={"host": "localhost"})
        client.force_login(person)
        for page, path in pages.items():
            best, count = float("inf"), 0
            for _ in range(TIMES):
                with CaptureQueriesContext(connection) as queries:
                    started = time.perf_counter()
                    client.get(path)
                    best = min(best, time.perf_counter() - started)
                count = len(queries)
            print(f"  {name:<14}{page:<20}{count:>4} queries{best * 1000:>8.0f} ms", flush=True)
    return 0


def seed(users: int) -> tuple[dict[str, Any], dict[str, str]]:
    """Fill the database with plain SQL; return who looks, and at which pages."""
    from django.db import connection

    from access.permissions import Role
    from access.services import grant_role
    from features.models import Feature
    from tenancy.models import Instance, Organization, User
    from tenancy.revision import touch_revision
    from tests.factories import BY

    instance = Instance.objects.create(name="Main", public_id="main")
    Organization.objects.bulk_create(
        (
            Organization(instance=instance, public_id=f"o{n}", name=f"Organization {n:06}")
            for n in range(users // 100)
        ),
        batch_size=2000,
    )
    Feature.objects.bulk_create(
        Feature(key=f"f{n}", json_name=f"f{n}", name=f"Feature {n}", kind="boolean", default=False)
        for n in range(min(5000, users // 200))
    )
    organization = Organization.objects.order_by("pk")[0]
    feature = Feature.objects.get(key="actions")
    numbers = {
        "users": users,
        "organizations": users // 100,
        "first": organization.pk,
        "instance": instance.pk,
        "feature": feature.pk,
    }
    with connection.cursor() as cursor:
        for statement in STATEMENTS:
            cursor.execute(statement.format(**numbers))
    touch_revision()
    root = User.objects.create_superuser("root", public_id="root")
    members = User.objects.filter(organization=organization).order_by("pk")
    owner, member = members[0], members[1]
    User.objects.filter(pk=owner.pk).update(is_staff=True)
    grant_role(owner, Role.ORG_OWNER, organization, **BY)
    pages = {
        "overview": "/admin/",
        "users": "/admin/tenancy/user/",
        "users, page 20": "/admin/tenancy/user/?p=20",
        "users, searched": "/admin/tenancy/user/?q=person",
        "organizations": "/admin/tenancy/organization/",
        "features": "/admin/features/feature/",
        "feature": f"/admin/features/feature/{feature.pk}/change/",
        "grid of a user": f"/admin/owner/user/{member.pk}/features/",
        "explain": f"/admin/owner/user/{member.pk}/explain/{feature.pk}/",
        "history": "/admin/history/",
        "history, long ago": "/admin/history/?before=500",
        "overrides": "/admin/overrides/?level=user&feature=actions&value=on",
        "search": "/admin/search/?q=person",
    }
    return {"superuser": root, "org owner": owner}, pages


STATEMENTS = (
    """
    WITH RECURSIVE k(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM k WHERE n < {users} - 1)
    INSERT INTO tenancy_user (instance_id, organization_id, public_id, username, name, email,
        password, is_active, is_staff, is_superuser, created_at)
    SELECT {instance}, {first} + n % {organizations}, 'u' || n, 'user' || n, 'Person ' || n,
        'p' || n || '@example.com', '!', 1, 0, 0, '2026-01-01 00:00:00' FROM k
    """,
    """
    INSERT INTO features_useroverride (owner_id, feature_id, value, locked, changed_at)
    SELECT id, {feature}, CASE WHEN id % 20 THEN 'true' ELSE 'false' END, 0, '2026-01-01 00:00:00'
    FROM tenancy_user WHERE id % 10 = 0
    """,
    """
    INSERT INTO events_stream (kind, instance, owner, sequence)
    SELECT 'user', 'main', public_id, 10 FROM tenancy_user WHERE id % 10 = 0
    """,
    """
    WITH RECURSIVE k(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM k WHERE n < 10)
    INSERT INTO events_event (stream_id, sequence, type, subject, before, after, locked_before,
        locked_after, actor_type, actor_id, actor_name, behalf_type, behalf_id, behalf_name,
        surface, reason, request_id, address, created_at)
    SELECT s.id, k.n, 'features.set', 'actions', 'false', 'true', 0, 0, 'user', 'x', 'x', '', '',
        '', 'api', '', '', '', '2026-01-01 00:00:00' FROM events_stream s, k
    """,
    "ANALYZE",
)
