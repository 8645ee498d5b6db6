"""What operators and other pages get: metrics, throttling, CORS."""

import pytest

from access.throttling import Buckets
from tests.factories import token_for

PATH = "/v2/features/instance?inheritance=true"


def read(client, token, **headers):
    return client.get(PATH, headers={"Authorization": f"Bearer {token}", **headers})


def sample(client, name, **labels):
    """Return one number of /metrics; 0 where it is not there yet."""
    wanted = ",".join(f'{label}="{value}"' for label, value in sorted(labels.items()))
    for line in client.get("/metrics").content.decode().splitlines():
        if line.startswith(f"{name}{{{wanted}}}"):
            return float(line.rpartition(" ")[2])
    return 0


def test_metrics__requests_of_all_outcomes__are_counted_by_route(client, cast):
    route = r"^v2(?:beta)?/features/instance\\Z"
    ok = {"route": route, "method": "GET", "status": "200"}
    before = sample(client, "strata_requests_total", **ok)
    refused = sample(client, "strata_refusals_total", route=route, status="401")
    database = sample(client, "strata_database_seconds_sum", route=route)

    read(client, token_for(cast.bob))
    read(client, "wrong")

    assert sample(client, "strata_requests_total", **ok) == before + 1
    assert sample(client, "strata_refusals_total", route=route, status="401") == refused + 1
    assert sample(client, "strata_database_seconds_sum", route=route) > database


def call(client, method, token, form="application/json"):
    path = f"/zitadel.feature.v2.FeatureService/{method}"
    raw = b'{"inheritance": true}' if method.startswith("Get") else b'{"loginDefaultOrg": true}'
    if "grpc" in form:
        raw = b"\0" * 5
    return client.generic(
        "POST", path, raw, form, headers={"Authorization": f"Bearer {token}"}, CONTENT_TYPE=form
    )


def test_metrics__calls_of_methods__are_counted_by_method_and_grpc_status(client, cast, caplog):
    get, put = (f"/zitadel.feature.v2.FeatureService/{v}InstanceFeatures" for v in ("Get", "Set"))
    names = [
        ("strata_writes_total", {"route": get}),
        ("strata_writes_total", {"route": put}),
        ("strata_refusals_total", {"route": put, "status": "grpc 7"}),
        ("strata_refusals_total", {"route": put, "status": "grpc 16"}),
    ]
    before = [sample(client, name, **labels) for name, labels in names]
    caplog.clear()

    call(client, "GetInstanceFeatures", token_for(cast.bob))
    call(client, "SetInstanceFeatures", token_for(cast.root))
    call(client, "SetInstanceFeatures", token_for(cast.bob), "application/grpc-web+proto")
    call(client, "SetInstanceFeatures", "wrong", "application/grpc-web+proto")

    after = [sample(client, name, **labels) for name, labels in names]
    assert [b - a for a, b in zip(before, after, strict=True)] == [0, 1, 1, 1]
    logged = [record.grpc_status for record in caplog.records if hasattr(record, "grpc_status")]
    assert logged == [0, 0, 7, 16]


def test_metrics__unknown_paths_and_verbs__make_no_labels(client, cast):
    client.get("/v2/features/secret-id")
    client.generic("BREW", "/v2/features/system")

    text = client.get("/metrics").content.decode()

    assert "secret-id" not in text
    assert "BREW" not in text


@pytest.mark.parametrize(
    ("address", "token", "status"),
    [
        ("127.0.0.1", "", 200),
        ("::1", "", 200),
        ("10.0.0.9", "", 403),
        ("10.0.0.9", "wrong", 403),
        ("10.0.0.9", "told", 200),
        ("unix:", "", 403),
    ],
)
def test_metrics__who_asks__needs_the_network_or_the_token(
    client, settings, address, token, status
):
    settings.METRICS_TOKEN = "told"

    response = client.get(
        "/metrics", REMOTE_ADDR=address, headers={"Authorization": f"Bearer {token}"}
    )

    assert response.status_code == status
    assert (b"strata_requests" in response.content) == (status == 200)


def test_metrics__no_token_is_set__none_will_do(client, settings):
    settings.METRICS_TOKEN = ""

    response = client.get("/metrics", REMOTE_ADDR="10.0.0.9", headers={"Authorization": "Bearer "})

    assert response.status_code == 403


def test_throttle__more_than_the_rate__that_principal_alone_waits(client, cast, settings):
    settings.THROTTLE_PER_MINUTE = 3
    bob, carol = token_for(cast.bob), token_for(cast.carol)

    answers = [read(client, bob) for _ in range(4)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[-1].json()["code"] == 8
    assert 1 <= int(answers[-1]["Retry-After"]) <= 21
    assert read(client, carol).status_code == 200


def test_buckets__time_passes__fill_at_the_rate_and_no_further():
    now = [0.0]
    buckets = Buckets(lambda: now[0])

    first = [buckets.take("bob", 2) for _ in range(3)]
    now[0] = 30
    after_half_a_minute = [buckets.take("bob", 2) for _ in range(2)]
    now[0] = 3600
    after_an_hour = [buckets.take("bob", 2) for _ in range(3)]

    assert first == [0, 0, 30]
    assert after_half_a_minute == [0, 30]
    assert after_an_hour == [0, 0, 30]


def test_cors__nobody_is_named__no_page_may_read(client, cast):
    response = read(client, token_for(cast.bob), Origin="https://console.example.com")

    assert "Access-Control-Allow-Origin" not in response


@pytest.mark.parametrize(
    ("origin", "path", "allowed"),
    [
        ("https://console.example.com", "/v2/features/instance", True),
        ("https://console.example.com", "/api/v1/users", True),
        ("https://console.example.com.evil.example", "/v2/features/instance", False),
        ("http://console.example.com", "/v2/features/instance", False),
        ("https://console.example.com", "/admin/login/", False),
    ],
)
def test_cors__preflight__answers_the_named_origin_on_api_paths(
    client, cast, settings, origin, path, allowed
):
    settings.CORS_ALLOWED_ORIGINS = ["https://console.example.com"]

    response = client.options(
        path, headers={"Origin": origin, "Access-Control-Request-Method": "PUT"}
    )

    assert response.get("Access-Control-Allow-Origin") == (origin if allowed else None)
    assert "Access-Control-Allow-Credentials" not in response
