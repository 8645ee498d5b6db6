"""The parameters of the `/clients/*` endpoints: where they may be, and every bad value."""

from urllib.parse import urlencode

import pytest

from clients.models import ApiClient
from events.models import Event
from tenancy.services import create_instance
from tests.client_calls import FORM, caller, refused
from tests.factories import basic, make_client

pytestmark = [pytest.mark.django_db, pytest.mark.once]


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
    return caller(client, owner)


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


NOT_JSON = "the JSON is not syntactically valid"


NOT_STRINGS = "it must be an array of strings"


NOT_HOURS = "it must be a whole number from 0 to 168"


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
