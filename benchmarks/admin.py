"""Measures the admin's pages in a small and in a large database: queries and milliseconds.

    ./run bench admin [--users 1000000] [--on sqlite|postgresql]

The large one has a hundredth as many organizations, a two-hundredth as many features, an override
for every tenth user and as many events as users. Each page is opened three times; the best counts.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from typing import Any

from benchmarks.bulk import DATABASES, HERE, environment, serve

SMALL = 2000
TIMES = 3

Measured = dict[str, tuple[int, float]]  # a page → its queries and seconds


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="./run bench admin")
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--on", choices=DATABASES, action="append")
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.measure:
        print(json.dumps(measure(options.users)))
        return 0
    for database in options.on or DATABASES:
        small, large = measure_on(database, SMALL), measure_on(database, options.users)
        print(f"\n{database:<40}{SMALL:>10,} users{options.users:>16,} users")
        for page, (queries, seconds) in small.items():
            more, longer = large[page]
            before, after = f"{queries} queries", f"{more} queries"
            print(f"  {page:<32}{before:>12}{seconds * 1000:>6.0f} ms", end="")
            print(f"{after:>14}{longer * 1000:>6.0f} ms", flush=True)
    return 0


def measure_on(database: str, users: int) -> Measured:
    """Measure in a process and a database of their own."""
    command = [sys.executable, "-m", "benchmarks", "admin", "--measure", "--users", str(users)]
    with (
        tempfile.TemporaryDirectory(prefix="strata-bench-") as folder,
        serve(database, folder) as url,
    ):
        done = subprocess.run(
            command,
            cwd=HERE,
            env=environment(url) | {"LOG_LEVEL": "ERROR"},
            check=True,
            stdout=subprocess.PIPE,
        )
    measured: Measured = json.loads(done.stdout)
    return measured


def measure(users: int) -> Measured:
    """Return what the pages take for each person, in the database of the environment."""
    import django

    django.setup()
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    people, pages = seed(users)
    found: Measured = {}
    for name, person in people.items():
        client = Client(headers={"host": "localhost"})
        client.force_login(person)
        for page, path in pages.items():
            if client.get(path).status_code != 200:
                continue  # not theirs
            best, count = float("inf"), 0
            for _ in range(TIMES):
                with CaptureQueriesContext(connection) as queries:
                    started = time.perf_counter()
                    client.get(path)
                    best = min(best, time.perf_counter() - started)
                count = len(queries)
            found[f"{name}: {page}"] = count, best
    return found


def seed(users: int) -> tuple[dict[str, Any], dict[str, str]]:
    """Fill the database with plain SQL; return who looks, and at which pages."""
    from django.db import connection

    from access.permissions import Role
    from access.services import grant_role
    from features.models import Feature
    from tenancy.models import Instance, Organization, User
    from tenancy.revision import touch_revision
    from tests.factories import BY, make_client

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
    is_sqlite = connection.vendor == "sqlite"
    numbers = {
        "users": users,
        "organizations": users // 100,
        "first": organization.pk,
        "instance": instance.pk,
        "feature": feature.pk,
        "now": "'2026-01-01 00:00:00'" if is_sqlite else "TIMESTAMPTZ '2026-01-01 00:00:00+00'",
        "json": "text" if is_sqlite else "jsonb",
    }
    with connection.cursor() as cursor:
        for statement in STATEMENTS:
            cursor.execute(statement.format(**numbers))
    touch_revision()
    root = User.objects.create_superuser("root", public_id="root")
    members = User.objects.filter(organization=organization).order_by("pk")
    owner, member, keeper = members[:3]
    User.objects.filter(pk__in=[owner.pk, keeper.pk]).update(is_staff=True)
    grant_role(owner, Role.ORG_OWNER, organization, **BY)
    grant_role(keeper, Role.IAM_OWNER, instance, **BY)
    client = make_client(instance, "owner").client
    pages = {
        "overview": "/admin/",
        "users": "/admin/tenancy/user/",
        "users, page 20": "/admin/tenancy/user/?p=20",
        "users, searched": "/admin/tenancy/user/?q=person",
        "organizations": "/admin/tenancy/organization/",
        "organization": f"/admin/tenancy/organization/{organization.pk}/change/",
        "roles": "/admin/access/membership/",
        "client": f"/admin/clients/apiclient/{client.pk}/change/",
        "security": f"/admin/owner/instance/{instance.pk}/security/",
        "features": "/admin/features/feature/",
        "features, searched": "/admin/features/feature/?q=feature",
        "feature": f"/admin/features/feature/{feature.pk}/change/",
        "grid of a user": f"/admin/owner/user/{member.pk}/features/",
        "grid of an organization": f"/admin/owner/organization/{organization.pk}/features/",
        "history of a user": f"/admin/owner/user/{member.pk}/history/",
        "explain": f"/admin/owner/user/{member.pk}/explain/{feature.pk}/",
        "history": "/admin/history/",
        "history, long ago": "/admin/history/?before=500",
        "overrides": "/admin/overrides/?level=user&feature=actions&value=on",
        "search": "/admin/search/?q=person",
    }
    return {"superuser": root, "instance owner": keeper, "org owner": owner}, pages


STATEMENTS = (
    """
    WITH RECURSIVE k(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM k WHERE n < {users} - 1)
    INSERT INTO tenancy_user (instance_id, organization_id, public_id, username, name, email,
        password, is_active, is_staff, is_superuser, created_at)
    SELECT {instance}, {first} + n % {organizations}, 'u' || n, 'user' || n, 'Person ' || n,
        'p' || n || '@example.com', '!', TRUE, FALSE, FALSE, {now} FROM k
    """,
    """
    INSERT INTO features_useroverride (owner_id, instance_id, organization_id, feature_id, value,
        locked, changed_at)
    SELECT id, instance_id, organization_id, {feature},
        CAST(CASE WHEN id % 20 > 0 THEN 'true' ELSE 'false' END AS {json}),
        FALSE, {now}
    FROM tenancy_user WHERE id % 10 = 0
    """,
    """
    INSERT INTO events_stream (kind, instance, owner, sequence)
    SELECT 'user', 'main', public_id, 10 FROM tenancy_user WHERE id % 10 = 0
    """,
    """
    WITH RECURSIVE k(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM k WHERE n < 10)
    INSERT INTO events_event (stream_id, sequence, instance_key, organization_key, type, subject,
        before, after, locked_before, locked_after, actor_type, actor_id, actor_name,
        behalf_type, behalf_id, behalf_name, surface, reason, request_id, address, created_at)
    SELECT s.id, k.n, u.instance_id, u.organization_id, 'features.set', 'actions',
        CAST('false' AS {json}), CAST('true' AS {json}), FALSE, FALSE, 'user', 'x', 'x',
        '', '', '', 'api', '', '', '', {now} FROM k, events_stream s
    JOIN tenancy_user u ON u.instance_id = {instance} AND u.public_id = s.owner
    """,
    "ANALYZE",
)
