"""What exists already is not made again: 409, code 6, and the field that is taken by name."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection

from access.permissions import Role
from access.services import grant_role
from access.tenants import create_instance, create_organization, create_user, set_domains
from features.defining import define_feature
from tenancy.uniqueness import AlreadyExists
from tests.factories import BY, make_cast
from tests.rest import RootApi

ALREADY_EXISTS = 6
CREATORS = 4
FEATURE = {"kind": "boolean", "default": False}
TAKEN = {
    "instance": ("instances", {"id": "main", "name": "x"}, ["id"]),
    "domain": ("instances", {"name": "x", "domains": ["free.example", "testserver"]}, ["domains"]),
    "organization": ("organizations", {"id": "acme", "name": "x"}, ["id"]),
    "user": ("users", {"id": "bob", "username": "x", "organization": "acme"}, ["id"]),
    "username": ("users", {"username": "bob", "organization": "globex"}, ["username"]),
    "both": (
        "users",
        {"id": "alice", "username": "bob", "organization": "acme"},
        ["username", "id"],
    ),
    "definition": ("features", {"key": "actions", **FEATURE}, ["key"]),
    "membership": (
        "memberships",
        {"user": "bob", "role": "ORG_OWNER", "owner": "organization:main/acme"},
        ["role"],
    ),
}


@pytest.fixture
def root(client, db):
    cast = make_cast()
    set_domains(cast.instance, ["testserver"], **BY)
    grant_role(cast.bob, Role.ORG_OWNER, cast.acme, **BY)
    return RootApi(client, cast)


def fields_of(response):
    details = response.json()["details"][0]
    return [violation["field"] for violation in details["fieldViolations"]]


@pytest.mark.parametrize("name", TAKEN)
def test_create__what_exists__is_409_and_names_the_field(root, name):
    path, body, fields = TAKEN[name]

    response = root("POST", f"/api/v1/{path}", body)

    assert (response.status_code, response.json()["code"]) == (409, ALREADY_EXISTS)
    assert fields_of(response) == fields


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("users/bob", {"username": "alice"}, "username"),
        ("instances/other", {"domains": ["testserver"]}, "domains"),
    ],
)
def test_change__to_what_another_has__is_409_and_changes_nothing(root, path, body, field):
    create_instance("Other", public_id="other", domains=["other.example"], **BY)
    before = root("GET", f"/api/v1/{path}").json()

    response = root("PATCH", f"/api/v1/{path}", {"name": "New"} | body)

    assert (response.status_code, response.json()["code"]) == (409, ALREADY_EXISTS)
    assert fields_of(response) == [field]
    assert root("GET", f"/api/v1/{path}").json() == before


def test_create__taken_and_wrong__is_400_with_both(root):
    body = {"id": "bob", "username": "y", "organization": "acme", "email": "no address"}

    response = root("POST", "/api/v1/users", body)

    assert response.status_code == 400
    assert sorted(fields_of(response)) == ["email", "id"]


def test_create_user__every_writable_field__is_stored(root):
    body = {
        "id": "eve",
        "username": "eve",
        "organization": "acme",
        "name": "Eve",
        "email": "eve@acme.example",
        "is_active": False,
        "is_staff": True,
    }

    response = root("POST", "/api/v1/users", body)

    assert response.status_code == 201, response.json()
    assert response.json() == body | {"created": response.json()["created"]}
    assert root("GET", "/api/v1/users/eve").json() == response.json()


def test_change__id__is_refused_under_its_name(root):
    response = root("PATCH", "/api/v1/users/bob", {"id": "robert"})

    assert (response.status_code, fields_of(response)) == (400, ["id"])


MAKERS = {
    "instance": lambda cast: create_instance("New", public_id="new", **BY),
    "domain": lambda cast: create_instance("New", domains=["new.example"], **BY),
    "organization": lambda cast: create_organization(cast.instance, "New", public_id="new", **BY),
    "user": lambda cast: create_user(cast.acme, "new", **BY),
    "definition": lambda cast: define_feature("new", kind="boolean", default=False, **BY),
    "membership": lambda cast: grant_role(cast.bob, Role.ORG_OWNER, cast.acme, is_new=True, **BY),
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", MAKERS)
def test_create__several_at_once__one_makes_it_and_the_others_are_told(name):
    cast, barrier = make_cast(), Barrier(CREATORS)

    def create(_number):
        try:
            barrier.wait(30)
            MAKERS[name](cast)
        except AlreadyExists:
            return "exists"
        finally:
            connection.close()
        return "made"

    with ThreadPoolExecutor(CREATORS) as pool:
        outcomes = sorted(pool.map(create, range(CREATORS)))

    assert outcomes == ["exists"] * (CREATORS - 1) + ["made"]
