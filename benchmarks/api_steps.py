"""The other end of benchmarks.api: fills a database and answers requests through the application.

Prints the paths that there are, as one line; then, for each line with a path, a caller and a
number, the best milliseconds of that many requests, the status of the answers and their rows.
"""

import json
import sys
import time
from typing import Any

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.core.handlers.base import BaseHandler  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import RequestFactory  # noqa: E402
from django.urls import path as url_path  # noqa: E402
from rest_framework.request import Request  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.viewsets import ViewSet  # noqa: E402

from access.permissions import Role  # noqa: E402
from access.services import grant_role  # noqa: E402
from access.views import ApiViewSet  # noqa: E402
from benchmarks.api_lists import RUN, all_lists  # noqa: E402
from config.urls import urlpatterns as served  # noqa: E402
from features.services import set_features  # noqa: E402
from tenancy.services import create_instance, create_organization, create_user  # noqa: E402
from tests.factories import BY, make_cast, make_feature, make_holder, token_for  # noqa: E402

SMALL = "small.example"  # the domain of a small instance beside the large one


class Constant(ApiViewSet):
    """A constant for a caller of the API: host, credentials and throttle are looked at."""

    def list(self, request: Request) -> Response:
        return Response({"constant": True})


class Bare(ViewSet):
    """A constant for anybody."""

    authentication_classes: list[Any] = []

    def list(self, request: Request) -> Response:
        return Response({"constant": True})


urlpatterns = [
    url_path("api/constant", Constant.as_view({"get": "list"})),
    url_path("api/bare", Bare.as_view({"get": "list"})),
    *served,
]


def main(rows: int) -> None:
    """Fill the database, say what there is, and answer until nobody asks."""
    settings.ROOT_URLCONF = __name__
    tokens, details = fill(rows)
    print(json.dumps({"lists": all_lists(), "details": details}), flush=True)
    answer_requests(tokens)


def answer_requests(tokens: dict[str, str]) -> None:
    # SQLite works in this process, so what it takes is CPU time; PostgreSQL works in others.
    clock = time.process_time if connection.vendor == "sqlite" else time.perf_counter
    application, factory = BaseHandler(), RequestFactory()
    application.load_middleware()
    for line in sys.stdin:
        path, caller, times = json.loads(line)
        headers = {"Authorization": f"Bearer {tokens[caller]}"}
        if caller == "small_owner":
            headers["Host"] = SMALL
        best, status, rows = float("inf"), 0, 0
        for _ in range(times):
            request = factory.get(path, headers=headers)
            started = clock()
            response: Any = application.get_response(request)
            best = min(best, (clock() - started) * 1000)
            status = response.status_code
            rows = len(json.loads(response.content).get("results", ()))
        print(json.dumps([best, status, rows]), flush=True)


def fill(rows: int) -> tuple[dict[str, str], dict[str, str]]:
    """Fill the database; return the callers' tokens and the paths of the details."""
    from access.models import Membership
    from events.models import Event, Run
    from tenancy.models import Organization, User

    cast = make_cast("testserver")
    most = Organization.objects.create(instance=cast.instance, public_id="most", name="Most")
    user = {"instance": cast.instance, "organization": most}
    holder = User.objects.create(**user, public_id="holder", username="holder")
    User.objects.create(**user, public_id="busy", username="busy")
    make_feature("rare", "boolean", default=False)
    admin = make_holder(Role.IAM_OWNER, cast.instance)
    tokens = {
        "root": token_for(cast.root),
        "iam_owner": token_for(admin),
        "org_owner": token_for(cast.alice),
        "most_owner": token_for(make_holder(Role.ORG_OWNER, most)),
        "small_owner": token_for(make_small_instance()),
    }
    grant_role(cast.bob, Role.ORG_OWNER_VIEWER, cast.acme, **BY)
    timestamp = "TIMESTAMPTZ" if connection.vendor == "postgresql" else ""
    numbers = {
        "rows": rows,
        "instance": cast.instance.pk,
        "most": most.pk,
        "acme": cast.acme.pk,
        "bob": cast.bob.pk,
        "holder": holder.pk,
        "others": max(rows // 1000, 1),
        "run": RUN if connection.vendor == "postgresql" else RUN.replace("-", ""),
        "numbers": f"generate_series(1, {rows}) AS numbers(n)"
        if connection.vendor == "postgresql"
        else "(WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE "
        f"n < {rows}) SELECT n FROM numbers) AS numbers",
        "hex": "md5(n::text)" if connection.vendor == "postgresql" else "hex(randomblob(16))",
        "early": f"{timestamp} '2025-01-01 00:00:00'",
        "late": f"{timestamp} '2026-03-01 00:00:00'",
        "time": "TIMESTAMPTZ '2026-02-01 00:00:00+00' + n * INTERVAL '1 second'"
        if connection.vendor == "postgresql"
        else "datetime('2026-02-01', '+' || n || ' seconds')",
    }
    with connection.cursor() as cursor:
        for statement in STATEMENTS:
            cursor.execute(statement.format(**numbers))
        # SQLite serves without: it has no statistics unless somebody asks for them.
        cursor.execute(
            "VACUUM ANALYZE" if connection.vendor == "postgresql" else "PRAGMA wal_checkpoint"
        )
    Run.objects.get_or_create(
        pk=RUN, kind="bulk", state="done", started_at=Event.objects.earliest("pk").created_at
    )
    api = "/api/v1"
    role = Membership.objects.filter(instance=cast.instance)[5]
    event = Event.objects.filter(instance_key=cast.instance.pk)[5]
    details = {
        "instance": f"{api}/instances/main",
        "organization": f"{api}/organizations/most",
        "user": f"{api}/users/u5",
        "membership": f"{api}/memberships/{role.pk}",
        "definition": f"{api}/features/actions",
        "event": f"{api}/events/{event.pk}",
        "run": f"{api}/runs/{RUN}",
        "explain": f"{api}/explain?owner=user:u5&feature=actions",
        "features of a user": "/v2/features/user/u5?inheritance=true",
        "features of an organization": "/v2/features/organization/most?inheritance=true",
        "security settings": "/v2/settings/security",
    }
    return tokens, details


def make_small_instance() -> Any:
    """Make an instance with an organization and a hundred users who do a little; return its owner.

    What it has comes before all that the large one has.
    """
    small = create_instance("Small", public_id="small", domains=[SMALL])
    few = create_organization(small, "Few", public_id="few")
    owner = make_holder(Role.IAM_OWNER, small, "small_owner")
    for number in range(100):
        user = create_user(few, f"user{number}", public_id=f"s{number}", name="Person")
        grant_role(user, Role.ORG_OWNER_VIEWER, few, **BY)
        set_features(user, {"actions": True}, **BY)
        token_for(user)
    return owner


EVENT = """INSERT INTO events_event (instance_key, organization_key, stream_id, sequence, type,
    subject, after, locked_before, locked_after, actor_type, actor_id, actor_name, behalf_type,
    behalf_id, behalf_name, surface, reason, request_id, address, created_at, run) """
STATEMENTS = (
    """INSERT INTO tenancy_instance (public_id, name, created_at)
    SELECT 'i' || n, 'Instance ' || n, {time} FROM {numbers} WHERE n <= {others}""",
    """INSERT INTO tenancy_instancedomain (instance_id, domain)
    SELECT id, public_id || '.example' FROM tenancy_instance WHERE public_id LIKE 'i%'""",
    """INSERT INTO tenancy_organization (instance_id, public_id, name, created_at)
    SELECT {instance}, 'o' || n, 'Organization ' || n, {time} FROM {numbers}
    WHERE n <= {rows} / 100""",
    # Every other user is in one organization.
    """INSERT INTO tenancy_user (instance_id, organization_id, public_id, username, name, email,
    password, is_active, is_staff, is_superuser, created_at)
    SELECT {instance}, CASE WHEN n % 2 = 0 THEN {most} ELSE {most} + 1 + n % ({rows} / 100) END,
    'u' || n, 'user' || n, CASE WHEN n = {rows} THEN 'Rare' ELSE 'Person ' || n END,
    CASE WHEN n = {rows} THEN 'rare@x.example' ELSE 'p' || n || '@x.example' END,
    '!', true, false, false, {time} FROM {numbers}""",
    """INSERT INTO access_membership (user_id, role, instance_id, organization_id, created_at)
    SELECT id, 'ORG_OWNER_VIEWER', instance_id, organization_id, created_at FROM tenancy_user
    WHERE public_id LIKE 'u%' AND id % 20 IN (0, 11)""",
    """INSERT INTO access_membership (user_id, role, instance_id, organization_id, created_at)
    SELECT {holder}, 'ORG_OWNER_VIEWER', instance_id, id, created_at FROM tenancy_organization""",
    """INSERT INTO access_accesstoken (instance_id, digest, prefix, user_id, client_id, description,
    created_at, expires_at, permissions) SELECT {instance}, {hex}, 'x',
    CASE WHEN n % 10 = 0 THEN {holder} ELSE (SELECT min(id) FROM tenancy_user) + n END,
    NULL, '', {time}, {time}, NULL FROM {numbers} WHERE n <= {rows} / 10""",
    """INSERT INTO features_useroverride (owner_id, instance_id, organization_id, feature_id, value,
    locked, changed_at) SELECT id, instance_id, organization_id,
    (SELECT id FROM features_feature WHERE key = 'actions'), 'true', false, created_at
    FROM tenancy_user WHERE public_id LIKE 'u%'""",
    """INSERT INTO features_useroverride (owner_id, instance_id, organization_id, feature_id, value,
    locked, changed_at)
    SELECT {bob}, {instance}, {acme}, id, 'true', key = 'rare', {time}
    FROM features_feature, {numbers}
    WHERE key IN ('rare', 'debug_oidc_parent_error') AND n = 1""",
    """INSERT INTO features_organizationoverride (owner_id, instance_id, feature_id, value, locked,
    changed_at) SELECT id, instance_id,
    (SELECT id FROM features_feature WHERE key = 'actions'), 'true', false, created_at
    FROM tenancy_organization""",
    """INSERT INTO events_stream (kind, instance, owner, sequence)
    SELECT 'user', 'main', public_id, 10 FROM tenancy_user WHERE id % 20 IN (0, 11)
    OR public_id IN ('busy', 'bob')""",
    EVENT
    + """SELECT {instance}, {acme},
    (SELECT id FROM events_stream WHERE kind = 'user' AND owner = 'bob'), n,
    CASE WHEN n = 1 THEN 'roles.granted' ELSE 'features.reset' END,
    CASE WHEN n = 1 THEN 'rare' ELSE 'actions' END,
    'true', false, false, 'user', CASE WHEN n = 1 THEN 'rare' ELSE 'x' END, 'x', '', '', '', 'api',
    '', '', '', {early}, NULL FROM {numbers} WHERE n <= 3""",
    EVENT
    + """SELECT {instance}, {most}, s.id, n, 'features.set', 'actions', 'true', false, false,
    'user', 'x', 'x', '', '', '', 'api', '', '', '', {time}, NULL FROM {numbers}
    JOIN events_stream s ON s.kind = 'user' AND s.owner = 'busy' WHERE n <= {rows} / 2""",
    EVENT
    + """SELECT {instance}, u.organization_id, s.id, 10 + column1, 'features.set', 'actions',
    'true', false, false, 'user', 'x', 'x', '', '', '', 'api', '', '', '', {late}, '{run}'
    FROM (VALUES (1), (2), (3), (4), (5)) AS five, events_stream s
    JOIN tenancy_user u ON u.instance_id = {instance} AND u.public_id = s.owner
    WHERE s.kind = 'user' AND s.owner LIKE 'u%'""",
)

if __name__ == "__main__":
    main(int(sys.argv[1]))
