"""The `/clients/*` endpoints: envelope, checks in their order, and every parameter."""

import json
import re
from urllib.parse import urlencode

import pytest

from clients.models import ApiClient
from clients.services import set_networks
from events.models import Event
from tenancy.services import create_instance
from tests.factories import BY, basic, make_client

pytestmark = pytest.mark.django_db

FORM = "application/x-www-form-urlencoded"
ID = re.compile(r"[a-hjkmnp-z2-9]{32}")
DENIED = "the provided client does not have authorization for this action"
POST_ONLY = [
    "set_features",
    "add",
    "set_description",
    "set_whitelist",
    "clear_whitelist",
    "reset_secret",
    "delete",
]


@pytest.fixture
def instance():
    return create_instance("Main", public_id="main", domains=["testserver"])


@pytest.fixture
def owner(instance):
    return make_client(instance, "owner")


@pytest.fixture
def other(instance):
    return make_client(instance, "direct_access", description="other")


@pytest.fixture
def call(client, owner):
    """Return a function that calls an endpoint, as the owner unless another client is given."""

    def post(verb, parameters=None, *, by=owner, query=None, **extra):
        headers = basic(by) if by else {}
        path = f"/clients/{verb}?{urlencode(query or {})}"
        body = urlencode(parameters or {})
        response = client.post(path, body, content_type=FORM, headers=headers, **extra)
        assert response.status_code == 200
        return response.json()

    return post


def refused(answer, code, error, **members):
    """Whether the answer is this error and has nothing else."""
    assert len(answer.pop("request_id")) == 16
    assert isinstance(answer.pop("error_description"), str)
    assert answer == {"stat": "error", "code": code, "error": error, **members}
    return True


# The envelope


def test_plain_http__where_https_is_asked_for__is_refused_and_not_redirected(
    client, owner, call, settings
):
    settings.SECURE_SSL_REDIRECT = True

    over_http = call("add", {"description": "new"})
    over_https = client.get("/clients/list", headers=basic(owner), secure=True)
    unknown = client.get("/clients/nothing")

    assert over_http["error_description"] == "this API is served over HTTPS only"
    assert refused(over_http, 403, "client_permission_error")
    assert [each["description"] for each in over_https.json()["results"]] == ["owner"]
    assert unknown.status_code == 404
    assert unknown["Content-Type"].startswith("text/html")


def test_success__as_text__is_compact_sorted_and_not_stored(client, owner):
    response = client.post("/clients/clear_whitelist", headers=basic(owner))

    assert response.content == b'{"stat":"ok"}'
    assert response["Content-Type"] == "application/json"
    assert response["Cache-Control"] == "no-store"


def test_error__as_text__is_compact_sorted_and_carries_the_request_id(client, owner):
    response = client.post("/clients/set_features", headers=basic(owner))

    request_id = response["X-Request-Id"]
    assert re.fullmatch(r"[a-hjkmnp-z2-9]{16}", request_id)
    assert response.content.decode() == (
        '{"argument_name":"features","code":100,"error":"missing_argument",'
        '"error_description":"missing required argument: features",'
        f'"request_id":"{request_id}","stat":"error"}}'
    )
    assert response["Content-Type"] == "application/json"
    assert response["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        *(("get", f"/clients/{verb}", 405) for verb in POST_ONLY),
        *((method, "/clients/list", 405) for method in ("put", "delete", "patch", "options")),
        ("post", "/clients/", 404),
        ("post", "/clients", 404),
        ("post", "/clients/nothing", 404),
        ("post", "/clients/list/", 404),
        ("get", "/clients/list/", 404),
        ("post", "/clients/list%0A", 404),
    ],
)
def test_path__unknown_or_of_another_method__is_no_json(client, owner, method, path, status):
    response = getattr(client, method)(path, headers=basic(owner))

    assert response.status_code == status
    assert "json" not in response.get("Content-Type", "")


def test_list__by_get__answers_as_by_post(client, owner):
    by_get = client.get("/clients/list", headers=basic(owner)).json()
    by_post = client.post("/clients/list", headers=basic(owner)).json()

    assert by_get["stat"] == "ok"
    assert by_get == by_post


def test_call__with_csrf_checks__needs_no_token(owner):
    from django.test import Client

    response = Client(enforce_csrf_checks=True).post("/clients/list", headers=basic(owner))

    assert response.json()["stat"] == "ok"


def test_call__host_of_nobody__is_404(client, owner):
    response = client.post("/clients/list", headers={**basic(owner), "Host": "evil.example"})

    assert response.status_code == 404


def test_call__host_of_another_instance__is_403(call):
    create_instance("Other", domains=["other.example"])

    answer = call("list", HTTP_HOST="other.example")

    assert answer["error_description"] == DENIED
    assert refused({**answer}, 403, "client_permission_error")


# Parameters


@pytest.mark.parametrize("place", ["query", "body", "body without a type", "both"])
def test_parameters__anywhere__are_read(client, owner, place):
    parameters = {
        "client_id": owner.client.client_id,
        "client_secret": owner.secret,
        "description": "renamed",
        "application_id": "ignored",
    }
    query = parameters if place == "query" else {"description": "loses"} if place == "both" else {}
    body = urlencode(parameters) if place != "query" else ""
    content_type = "" if place == "body without a type" else FORM

    response = client.post(
        f"/clients/set_description?{urlencode(query)}", body, content_type=content_type
    )

    assert response.json() == {"stat": "ok"}
    assert ApiClient.objects.get().description == "renamed"


def test_parameters__in_a_json_body__are_not_read(client, owner):
    body = {"description": "renamed"}

    answer = client.post(
        "/clients/set_description", body, content_type="application/json", headers=basic(owner)
    ).json()

    assert refused(answer, 100, "missing_argument", argument_name="description")


def test_parameters__blank_in_body__wins_over_query(call):
    answer = call("set_description", {"description": ""}, query={"description": "x"})

    assert answer["error_description"] == "missing required argument: description"


def test_parameters__too_many__are_refused_as_an_error_of_the_envelope(call):
    answer = call("list", {f"p{number}": "" for number in range(1100)})

    assert refused(answer, 200, "invalid_argument")


# Credentials


def test_credentials__absent__are_a_missing_client_id(client, call):
    answer = call("list", by=None)

    assert answer["error_description"] == "missing required argument: client_id"
    assert refused(answer, 100, "missing_argument", argument_name="client_id")


@pytest.mark.parametrize("verb", ["Bearer x", "Signature a=b", "OAuth x", "bearer", "gibberish"])
def test_credentials__another_scheme__is_said(client, owner, verb):
    parameters = {"client_id": owner.client.client_id, "client_secret": owner.secret}

    response = client.post("/clients/list", parameters, headers={"Authorization": verb})

    assert refused(response.json(), 205, "invalid_auth_method")


@pytest.mark.parametrize(
    "header",
    [
        "Basic",
        "Basic ",
        "Basic !!!",
        "Basic YTpi YTpi",
        "Basic YWJj",  # abc: no colon
        "Basic /w==",  # not UTF-8
        "Basic Og==",  # a colon alone
        "Basic AAA6AAA=",  # control characters
        "Basic bm9ib2R5OnNlY3JldA==",
        "Basic \xff",
    ],
)
def test_credentials__malformed_basic__are_wrong_ones(client, owner, header):
    parameters = urlencode({"client_id": owner.client.client_id, "client_secret": owner.secret})

    response = client.post(
        f"/clients/list?{parameters}",
        HTTP_AUTHORIZATION=header.encode("utf-8", "surrogateescape").decode("latin-1"),
    )

    assert "WWW-Authenticate" not in response
    assert refused(response.json(), 402, "invalid_client_credentials")


@pytest.mark.parametrize(
    "parameters",
    [
        {"client_id": "ID"},
        {"client_secret": "SECRET"},
        {"client_id": "", "client_secret": "SECRET"},
        {"client_id": "ID", "client_secret": ""},
        {"client_id": "ID", "client_secret": "wrong"},
        {"client_id": "a" * 32, "client_secret": "SECRET"},
        {"client_id": "\0", "client_secret": "\0"},
        {"client_id": "ID\0", "client_secret": "SECRET"},
        {"client_id": "x" * 5000, "client_secret": "SECRET"},
        {"client_id": "ID", "client_secret": "SECRET "},
    ],
)
def test_credentials__half_or_wrong__are_one_answer(call, owner, parameters):
    known = {"ID": owner.client.client_id, "SECRET": owner.secret}
    parameters = {
        name: value.replace("ID", known["ID"]).replace("SECRET", known["SECRET"])
        for name, value in parameters.items()
    }

    answer = call("list", parameters, by=None)

    assert answer["error_description"] == "the client credentials are not valid"
    assert refused(answer, 402, "invalid_client_credentials")


def test_credentials__header_and_parameters__header_wins(client, call, owner, other):
    wrong = {"client_id": owner.client.client_id, "client_secret": "wrong"}
    right = {"client_id": owner.client.client_id, "client_secret": owner.secret}

    assert call("list", wrong)["stat"] == "ok"
    assert refused(call("list", right, by=other), 403, "client_permission_error")


# Order of the checks


def test_order__each_check__comes_before_the_next(client, call, owner, other):
    everything_wrong = {
        "for_client_id": "nobody",
        "features": "[",
    }
    set_networks(owner.client, ["198.51.100.0/24"], **BY)
    by_others = call("set_features", everything_wrong, by=other)
    from_elsewhere = call("set_features", everything_wrong)
    set_networks(owner.client, None, **BY)

    assert refused(by_others, 403, "client_permission_error")
    assert refused(from_elsewhere, 403, "client_permission_error")
    without_features = call("set_features", {"for_client_id": "nobody"})
    assert refused(without_features, 100, "missing_argument", argument_name="features")
    bad_json = call("set_features", everything_wrong)
    assert refused(bad_json, 200, "invalid_argument", argument_name="features")
    bad_target = call("set_features", {**everything_wrong, "features": '["nothing"]'})
    assert refused(bad_target, 200, "invalid_argument", argument_name="for_client_id")
    bad_feature = call("set_features", {"features": '["nothing"]'})
    assert refused(bad_feature, 200, "invalid_argument", argument_name="features")


@pytest.mark.parametrize("feature", ["access_issuer", "direct_access", "login_client", ""])
@pytest.mark.parametrize("verb", [*POST_ONLY, "list"])
def test_endpoint__client_that_is_no_owner__is_denied(call, instance, feature, verb):
    caller = make_client(instance, *filter(None, [feature]))

    assert refused(call(verb, by=caller), 403, "client_permission_error")


# Bad values of every parameter

NOT_JSON = "the JSON is not syntactically valid"
NOT_STRINGS = "it must be an array of strings"
NOT_HOURS = "it must be a whole number from 0 to 168"
BAD_ID = "for_client_id is not a valid id"
BAD_CIDR = "invalid cidr address: "


@pytest.mark.parametrize(
    ("verb", "parameters", "argument", "reason"),
    [
        *(
            (verb, {**others, argument: value}, argument, reason)
            for verb, argument, others in [
                ("set_features", "features", {}),
                ("add", "features", {"description": "x"}),
                ("list", "has_features", {}),
            ]
            for value, reason in [
                ("[", NOT_JSON),
                ("direct_access", NOT_JSON),
                ("['direct_access']", NOT_JSON),
                ("1" * 5000, NOT_JSON),
                ("[" * 100_000, NOT_JSON),
                ("{}", NOT_STRINGS),
                ("null", NOT_STRINGS),
                ('"direct_access"', NOT_STRINGS),
                ("[1]", NOT_STRINGS),
                ('[["direct_access"]]', NOT_STRINGS),
                ('["direct_access", null]', NOT_STRINGS),
                ('["nothing"]', "nothing is not a valid feature name"),
                ('["direct_access","Owner","x"]', "Owner is not a valid feature name"),
                ('[""]', " is not a valid feature name"),
                ('["\\ud800"]', "? is not a valid feature name"),
            ]
        ),
        ("add", {"description": "x", "features": ""}, "features", NOT_JSON),
        ("list", {"has_features": ""}, "has_features", NOT_JSON),
        (
            "set_features",
            {"features": '["login_client","direct_access"]', "for_client_id": "OTHER"},
            "features",
            "login_client may be held only alone",
        ),
        (
            "add",
            {"features": '["login_client","owner"]', "description": "x"},
            "features",
            "login_client may be held only alone",
        ),
        *(
            (verb, {"description": value, "for_client_id": "OTHER"}, "description", reason)
            for verb in ("add", "set_description")
            for value, reason in [
                ("x" * 1001, "must have at most 1000 characters"),
                ("a\nb", "must not contain control characters"),
                ("a\0b", "must not contain control characters"),
            ]
        ),
        *(
            ("set_whitelist", {"whitelist": value}, "whitelist", reason)
            for value, reason in [
                ("[", NOT_JSON),
                ("10.0.0.0/8", NOT_JSON),
                ("{}", NOT_STRINGS),
                ("[1]", NOT_STRINGS),
                ("[]", "at least one network is required"),
                ('["10.0.0.1"]', BAD_CIDR + "10.0.0.1"),
                ('["10.0.0.0/"]', BAD_CIDR + "10.0.0.0/"),
                ('["/8"]', BAD_CIDR + "/8"),
                ('[""]', BAD_CIDR),
                (
                    '["10.0.0.0/33"]',
                    BAD_CIDR + "10.0.0.0/33; value after slash must be 32 or less",
                ),
                (
                    '["10.0.0.0/99999999999"]',
                    BAD_CIDR + "10.0.0.0/99999999999; value after slash must be 32 or less",
                ),
                ('["10.0.0.0/-1"]', BAD_CIDR + "10.0.0.0/-1"),
                ('["10.0.0.0/255.0.0.0"]', BAD_CIDR + "10.0.0.0/255.0.0.0"),
                ('["10.0.0/8"]', BAD_CIDR + "10.0.0/8"),
                ('["10.0.0.256/8"]', BAD_CIDR + "10.0.0.256/8"),
                ('["010.0.0.1/8"]', BAD_CIDR + "010.0.0.1/8"),
                ('["2001:db8::/129"]', BAD_CIDR + "2001:db8::/129"),
                ('["fe80::1%eth0/64"]', BAD_CIDR + "fe80::1%eth0/64"),
                ('[" 10.0.0.0/8"]', BAD_CIDR + " 10.0.0.0/8"),
                ('["10.0.0.0/\\u0668"]', BAD_CIDR + "10.0.0.0/\u0668"),
                ('["127.0.0.0/8", "x"]', BAD_CIDR + "x"),
                (
                    '["198.51.100.0/24"]',
                    "the list must include the address that you call from, 127.0.0.1",
                ),
                ('["::/0"]', "the list must include the address that you call from, 127.0.0.1"),
            ]
        ),
        *(
            (
                "reset_secret",
                {"for_client_id": "OTHER", "hours_to_live": value},
                "hours_to_live",
                NOT_HOURS,
            )
            for value in ["", "-1", "169", "1.5", "1e1", "x", "0x1", "9" * 5000, " 1", "\u0661"]
        ),
        *(
            (
                verb,
                {**others, "for_client_id": value},
                "for_client_id",
                "for_client_id is not a valid id",
            )
            for verb, others in [
                ("set_features", {"features": "[]"}),
                ("set_description", {"description": "x"}),
                ("set_whitelist", {"whitelist": '["0.0.0.0/0"]'}),
                ("clear_whitelist", {}),
            ]
            for value in ["", " ", "nobody", "FOREIGN", "OTHER ", "a\0", "☃", "x" * 9999]
        ),
        (
            "reset_secret",
            {"for_client_id": "FOREIGN"},
            "for_client_id",
            "for_client_id is not a valid id",
        ),
        *(
            (
                "delete",
                {"client_id_for_deletion": value},
                "client_id_for_deletion",
                "client_id_for_deletion is not a valid id",
            )
            for value in ["nobody", "FOREIGN", "a\0"]
        ),
        (
            "delete",
            {"client_id_for_deletion": "OWNER"},
            "client_id_for_deletion",
            "the client holds owner: take it away first",
        ),
        (
            "set_features",
            {"features": "[]"},
            "features",
            "an owner cannot take owner from itself",
        ),
        (
            "set_features",
            {"features": '["direct_access"]', "for_client_id": "OWNER"},
            "features",
            "an owner cannot take owner from itself",
        ),
    ],
)
def test_parameter__bad_value__is_named_with_its_reason_and_changes_nothing(
    call, owner, other, verb, parameters, argument, reason
):
    foreign = make_client(create_instance("Other", domains=["other.example"]), "owner")
    ids = {
        "OWNER": owner.client.client_id,
        "OTHER": other.client.client_id,
        "FOREIGN": foreign.client.client_id,
    }
    for name, client_id in ids.items():
        parameters = {key: value.replace(name, client_id) for key, value in parameters.items()}
    before = list(ApiClient.objects.values().order_by("id")), Event.objects.count()

    answer = call(verb, parameters)

    described = f"{argument} was not valid for the following reason: {reason}"
    assert answer["error_description"] == described
    assert refused(answer, 200, "invalid_argument", argument_name=argument)
    ApiClient.objects.update(last_used_at=None)
    assert (list(ApiClient.objects.values().order_by("id")), Event.objects.count()) == before


@pytest.mark.parametrize(
    ("verb", "argument"),
    [
        ("set_features", "features"),
        ("add", "description"),
        ("set_description", "description"),
        ("set_whitelist", "whitelist"),
        ("reset_secret", "for_client_id"),
        ("delete", "client_id_for_deletion"),
    ],
)
@pytest.mark.parametrize("value", [None, "", "  "])
def test_parameter__required_and_absent_or_blank__is_missing(call, verb, argument, value):
    answer = call(verb, {} if value is None else {argument: value})

    assert answer["error_description"] == f"missing required argument: {argument}"
    assert refused(answer, 100, "missing_argument", argument_name=argument)


# What the endpoints do


def test_add__description_and_features__makes_a_client_that_works_at_once(call):
    added = call("add", {"description": "Späti ☃", "features": '["owner","owner","direct_access"]'})

    assert ID.fullmatch(added.pop("client_id"))
    assert ID.fullmatch(added.pop("client_secret"))
    assert added == {
        "stat": "ok",
        "description": "Späti ☃",
        "features": ["owner", "direct_access"],
        "whitelist": ["0.0.0.0/0"],
    }


def test_list__several_clients__shows_them_in_order_without_secrets(call, owner, other):
    answer = call("list")

    assert [entry.pop("created")[-1] for entry in answer["results"]] == ["Z", "Z"]
    assert answer["results"][0].pop("last_used")[-1] == "Z"
    assert answer["results"][1].pop("last_used") is None
    assert answer == {
        "stat": "ok",
        "results": [
            {
                "client_id": owner.client.client_id,
                "description": "owner",
                "features": ["owner"],
                "whitelist": ["0.0.0.0/0"],
                "expires": None,
            },
            {
                "client_id": other.client.client_id,
                "description": "other",
                "features": ["direct_access"],
                "whitelist": ["0.0.0.0/0"],
                "expires": None,
            },
        ],
    }


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("[]", ["owner", "both", "none"]),
        ('["owner"]', ["owner"]),
        ('["owner","direct_access","access_issuer"]', ["owner", "both"]),
        ('["direct_access","login_client"]', ["both"]),
        ('["direct_read_access"]', []),  # implied, not stored
    ],
)
def test_list__has_features__matches_any_of_the_stored(call, instance, wanted, found):
    make_client(instance, "direct_access", "access_issuer", description="both")
    make_client(instance, description="none")

    answer = call("list", {"has_features": wanted})

    assert [entry["description"] for entry in answer["results"]] == found


def test_list__another_instances_clients__are_not_there(call, other):
    make_client(create_instance("Other", domains=["other.example"]), "owner")

    assert [entry["description"] for entry in call("list")["results"]] == ["owner", "other"]


def test_set_features__of_another__overwrites_and_holds_at_once(client, call, other):
    changed = call("set_features", {"for_client_id": other.client.client_id, "features": "[]"})

    assert changed == {"stat": "ok"}
    read = client.get("/v2/features/instance?inheritance=true", headers=basic(other))
    assert read.status_code == 403


def test_set_features__by_two_owners__leaves_the_one_who_was_first(call, instance, owner):
    second = make_client(instance, "owner", description="second")

    demoted = call(
        "set_features", {"for_client_id": owner.client.client_id, "features": "[]"}, by=second
    )
    too_late = call("set_features", {"for_client_id": second.client.client_id, "features": "[]"})

    assert demoted == {"stat": "ok"}
    assert refused(too_late, 403, "client_permission_error")


def test_set_whitelist__networks__are_kept_as_given_and_hold_at_once(call, other):
    networks = ["10.1.2.3/8", "2001:db8::1/32", "10.1.2.3/8"]

    changed = call(
        "set_whitelist",
        {"for_client_id": other.client.client_id, "whitelist": json.dumps(networks)},
    )

    assert changed == {"stat": "ok"}
    assert call("list")["results"][1]["whitelist"] == networks[:2]


def test_clear_whitelist__restricted_client__may_call_from_anywhere(call, other):
    set_networks(other.client, ["198.51.100.0/24"], **BY)

    call("clear_whitelist", {"for_client_id": other.client.client_id})

    assert call("list")["results"][1]["whitelist"] == ["0.0.0.0/0"]


def test_delete__client__is_gone_at_once(call, client, other):
    deleted = call("delete", {"client_id_for_deletion": other.client.client_id})

    assert deleted == {"stat": "ok"}
    response = client.get("/v2/features/instance?inheritance=true", headers=basic(other))
    assert response.status_code == 401
    again = call("delete", {"client_id_for_deletion": other.client.client_id})
    assert refused(again, 200, "invalid_argument", argument_name="client_id_for_deletion")


def test_change__of_each_kind__is_in_the_history_with_the_request_and_no_secret(
    call, owner, other, client
):
    target = {"for_client_id": other.client.client_id}
    secrets = [call("add", {"description": "new"})["client_secret"]]
    call("set_description", {**target, "description": "renamed"})
    call("set_description", {**target, "description": "renamed"})  # alters nothing
    call("set_features", {**target, "features": '["direct_read_access"]'})
    call("set_whitelist", {**target, "whitelist": '["10.0.0.0/8"]'})
    secrets.append(call("reset_secret", {**target, "hours_to_live": "2"})["new_secret"])
    call("delete", {"client_id_for_deletion": other.client.client_id})

    events = list(Event.objects.filter(actor_type="client").order_by("id"))

    assert [event.type for event in events] == [
        "clients.created",
        "clients.description_set",
        "clients.features_set",
        "clients.networks_set",
        "clients.secret_reset",
        "clients.deleted",
    ]
    assert (events[1].before, events[1].after) == ("other", "renamed")
    assert (events[2].before, events[2].after) == (["direct_access"], ["direct_read_access"])
    assert (events[3].before, events[3].after) == (["0.0.0.0/0"], ["10.0.0.0/8"])
    for event in events:
        assert (event.actor_id, event.actor_name) == (owner.client.client_id, "owner")
        assert len(event.request_id) == 16
        assert event.address == "127.0.0.1"
        assert event.surface == "api"
    assert {event.subject for event in events[1:]} == {other.client.client_id}
    text = repr(list(Event.objects.values()))
    for secret in [*secrets, owner.secret, other.secret]:
        assert secret not in text


def test_endpoint__error_within__is_told_in_the_envelope(call, monkeypatch):
    from clients import views

    def fail(*_args, **_kwargs):
        raise ZeroDivisionError("inner workings")

    monkeypatch.setattr(views, "set_description", fail)

    answer = call("set_description", {"description": "x"})

    assert "inner" not in answer["error_description"]
    assert refused(answer, 500, "unexpected_error")
