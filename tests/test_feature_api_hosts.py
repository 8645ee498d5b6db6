"""Which instance a request means, and who may ask there."""

import ipaddress

import pytest

from access.models import AccessToken
from access.permissions import Role
from tenancy.services import create_instance, create_organization, create_user, set_domains
from tests.factories import make_holder, token_for
from tests.rest import assert_error, send

pytestmark = pytest.mark.django_db

INSTANCE = "/v2/features/instance?inheritance=true"
PATHS = [INSTANCE, "/v2beta/features/system", "/system/v1/instances/main/features/1", "/v2/nope"]


@pytest.fixture
def cast(db, kept_cast):
    set_domains(kept_cast.instance, ["main.example"])
    return kept_cast


@pytest.fixture
def ask(client, cast):
    """Return a function that asks which instance a host means; None where it means none."""
    token = token_for(cast.root)

    def ask(host, **headers):
        response = send(client, "GET", INSTANCE, None, token, Host=host, **headers)
        if response.status_code == 200:
            return response.json()["details"]["resourceOwner"]
        assert_error(response, 404, 5, f'"{host}"')
        return None

    return ask


ACCEPTED = [
    "main.example",
    "MAIN.Example",
    "main.example.",
    "main.example:8000",
    "Main.Example.:443",
    "localhost",
    "localhost:8000",
    "127.0.0.1",
    "127.0.0.1:1",
    "[::1]",
    "[::1]:8000",
]
REFUSED = [
    "evil.example",
    "sub.main.example",
    "main.example.evil.example",
    "main.example@evil.example",
    "main_example",
    "10.0.0.1",
    "[::2]",
    "a b",
    "main.example/x",
    "main.example:port",
    "..",
    "x" * 250,
    "müsli.example",
]


@pytest.mark.parametrize("host", ACCEPTED)
def test_host__accepted__means_the_only_instance(ask, host):
    assert ask(host) == "main"


@pytest.mark.parametrize("host", REFUSED)
def test_host__unknown__is_404_and_named(ask, host):
    assert ask(host) is None


@pytest.mark.parametrize("path", [*PATHS, "/admin/", "/", "/admin/login/", "/nope"])
@pytest.mark.parametrize("verb", ["GET", "PUT", "POST"])
def test_host__unknown__is_said_in_json_on_every_path(client, cast, path, verb):
    response = send(client, verb, path, {}, Host="evil.example")

    assert_error(response, 404, 5, '"evil.example"')


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_host__of_no_instance__means_none_of_several(ask, host):
    create_instance("Other", public_id="other", domains=["other.example"])

    assert (ask(host), ask("main.example"), ask("OTHER.example:1")) == (None, "main", "other")


def test_host__new_domain__counts_from_the_next_request_on(ask, cast):
    before = ask("new.example")
    set_domains(cast.instance, ["main.example", "new.example"])
    meanwhile = ask("new.example")
    set_domains(cast.instance, ["main.example"])

    assert (before, meanwhile, ask("new.example")) == (None, "main", None)


def test_host__second_instance__counts_from_the_next_request_on(ask):
    before = ask("localhost")
    create_instance("Other", public_id="other", domains=["localhost"])

    assert (before, ask("localhost"), ask("main.example")) == ("main", "other", "main")


def test_host__domain_with_other_letters__is_known_by_its_ascii_name(ask, cast):
    set_domains(cast.instance, ["Müsli.example"])

    assert ask("xn--msli-0ra.example") == "main"


@pytest.mark.parametrize("proxies", [[], [ipaddress.ip_network("127.0.0.0/8")]])
def test_host__forwarded__is_ignored(ask, settings, proxies):
    settings.TRUSTED_PROXIES = proxies
    create_instance("Other", public_id="other", domains=["other.example"])
    forwarded = {"X-Forwarded-Host": "other.example", "Forwarded": "host=other.example"}

    assert ask("main.example", **forwarded) == "main"
    assert ask("evil.example", **forwarded) is None


# Credentials at the wrong instance


@pytest.fixture
def other(cast):
    """Make a second instance with dave in it, who owns it."""
    other = create_instance("Other", public_id="other", domains=["other.example"])
    initech = create_organization(other, "Initech", public_id="acme")
    create_user(initech, "bob", public_id="bob")
    return other


def test_instance__of_another_host__has_its_own_objects_of_the_same_ids(client, cast, other):
    token = token_for(cast.root)
    path = "/v2/features/user/bob"

    send(client, "PUT", path, {"actions": True}, token, Host="main.example")
    read = send(client, "GET", path, None, token, Host="other.example")

    assert_error(read, 404, 5)


def test_instance__owner_of_another__may_nothing_here_but_read_the_system(client, cast, other):
    token = token_for(make_holder(Role.IAM_OWNER, other))

    def status(verb, path, host):
        return send(client, verb, path, {"actions": True}, token, Host=host).status_code

    assert status("PUT", "/v2/features/organization/acme", "other.example") == 200
    assert status("GET", "/v2/features/system?inheritance=1", "main.example") == 200
    for path in ("instance", "organization/acme", "organization/nope", "user/bob"):
        for verb in ("GET", "PUT", "DELETE"):
            assert status(verb, f"/v2/features/{path}?inheritance=1", "main.example") == 403


def test_instance__operator__reads_all_of_them(client, cast, other):
    token = token_for(make_holder(Role.SYSTEM_OWNER_VIEWER, cast.root.parent))

    for host in ("main.example", "other.example"):
        assert send(client, "GET", INSTANCE, None, token, Host=host).status_code == 200


# The header


@pytest.mark.parametrize(
    "header",
    ["Bearer {}", "bearer {}", "BEARER {}", "Bearer  {}", "Bearer {} "],
)
def test_authorization__bearer__is_read_generously(client, cast, header):
    token = token_for(cast.bob)

    response = client.get(INSTANCE, headers={"Authorization": header.format(token)} | MAIN)

    assert response.status_code == 200


MAIN = {"Host": "main.example"}


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer ",
        "Bearer {}x",
        "Bearer {} {}",
        "Bearer {}, Bearer {}",
        "Bearer\t{}",
        "Bearer:{}",
        "{}",
        "Token {}",
        "Digest {}",
        "Negotiate",
        "Bearer \xff\xfe",
        "Bearer 'OR 1=1",
        "Bearer " + "x" * 10_000,
    ],
)
def test_authorization__malformed__is_an_invalid_token(client, cast, header):
    token = token_for(cast.root)

    response = client.get(INSTANCE, headers={"Authorization": header.format(token, token)} | MAIN)

    body = assert_error(response, 401, 16, "Errors.Token.Invalid (AUTH-7fs1e)")
    assert response["WWW-Authenticate"].startswith("Bearer")
    assert body["details"] == [
        {
            "@type": "type.googleapis.com/zitadel.v1.ErrorDetail",
            "id": "AUTH-7fs1e",
            "message": "Errors.Token.Invalid",
        }
    ]


@pytest.mark.parametrize("headers", [{}, {"Authorization": ""}])
@pytest.mark.parametrize("verb", ["GET", "PUT", "DELETE", "POST"])
def test_authorization__absent__is_said_so(client, cast, headers, verb):
    response = client.generic(verb, INSTANCE, b"{", headers=headers | MAIN)

    assert_error(response, 401, 16, "auth header missing")
    assert "details" not in response.json()
    assert response["WWW-Authenticate"].startswith("Bearer")


def test_order__of_checks__is_the_documented_one(client, cast):
    """Mend one mistake after the other; each answer is about the first that is left."""
    owner, bob = token_for(cast.alice), token_for(cast.bob)
    acme, broken = "/v2/features/organization/acme", b"{"

    def status(token, body, host="main.example", **more):
        response = send(client, "PUT", acme, body, token, Host=host, **more)
        return response.status_code, response.json()

    assert status("wrong", broken, "evil.example")[0] == 404
    assert status("wrong", broken)[0] == 401
    assert status(bob, broken)[0] == 403
    assert "not JSON" in status(owner, broken)[1]["message"]
    assert "nope" in status(owner, {"nope": 1}, **{"If-Match": '"9"'})[1]["message"]
    assert status(owner, {}, **{"If-Match": '"9"'})[1]["message"].startswith("No changes")
    assert status(owner, {"actions": True}, **{"If-Match": '"9"'})[0] == 412
    assert status(owner, {"actions": True})[0] == 200


def test_token__limited_to_some_permissions__has_no_others(client, cast):
    token = token_for(cast.alice, permissions=["org.feature.read"])
    acme = "/v2/features/organization/acme"

    refused = send(client, "PUT", acme, {"actions": True}, token, **MAIN)
    read = send(client, "GET", f"{acme}?inheritance=1", None, token, **MAIN)

    assert_error(refused, 403, 7, "missing permission org.feature.write (AUTH-5mWD2)")
    assert read.status_code == 200


def test_token__of_a_user__notes_its_last_use(client, cast):
    token = token_for(cast.bob)

    send(client, "GET", INSTANCE, None, token, **MAIN)

    assert AccessToken.objects.get().last_used_at is not None
