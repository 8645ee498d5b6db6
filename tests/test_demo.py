"""The example data, as the command prints and makes it."""

import json
from base64 import b64encode
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from access.authentication import find_token
from access.models import AccessToken
from access.permissions import Role
from access.services import digest_of, grant_role
from access.tenants import delete_tenant
from clients.catalogue import CLIENT_FEATURES
from clients.models import ApiClient
from clients.services import create_client, disable_client, set_client_features
from events.models import Event
from features.services import explain, get_features, lock_feature, overrides_of, set_features
from tenancy.models import Instance, Organization, System, User
from tenancy.services import create_instance, create_user
from tests.factories import BY

pytestmark = pytest.mark.django_db

TOKENS = {
    "system_owner": "SYSTEM_OWNER",
    "iam_owner": "IAM_OWNER",
    "iam_owner_viewer": "IAM_OWNER_VIEWER",
    "org_owner": "ORG_OWNER",
    "org_owner_viewer": "ORG_OWNER_VIEWER",
    "login_client": "IAM_LOGIN_CLIENT",
    "no_role": None,
    "iam_admin_impersonator": "IAM_ADMIN_IMPERSONATOR",
    "impersonator": "IAM_END_USER_IMPERSONATOR",
}


def demo(*arguments: str) -> str:
    out = StringIO()
    call_command("demo", *arguments, "--quiet", stdout=out)
    return out.getvalue()


def demo_document():
    return json.loads(demo("--json"))


def test_demo__json__has_the_documented_keys():
    document = demo_document()

    assert list(document) == ["instance", "organizations", "users", "admin", "tokens", "clients"]
    assert document["instance"] == {
        "id": Instance.objects.get().public_id,
        "domain": "localhost",
    }
    assert set(document["organizations"]) == {"acme", "globex"}
    assert set(document["users"]) == {"alice", "bob", "carol", *TOKENS}
    assert set(document["tokens"]) == set(TOKENS)


def test_demo__tokens__are_of_the_user_and_role_they_are_named_for():
    document = demo_document()

    for name, role in TOKENS.items():
        found = find_token(document["tokens"][name], address="127.0.0.1")
        assert found, name
        assert found[0].user, name
        assert found[0].id == document["users"][name]
        held = list(found[0].user.memberships.values_list("role", flat=True))
        assert held == ([role] if role else []), name


def test_demo__users__are_in_their_organizations():
    demo_document()

    homes: dict[str, str | None] = dict(
        User.objects.values_list("username", "organization__public_id")
    )
    assert (homes["alice"], homes["bob"], homes["carol"]) == ("acme", "acme", "globex")
    assert (homes["no_role"], homes["system_owner"], homes["admin"]) == ("acme", None, None)


def test_demo__admin__signs_in_with_the_printed_password(client):
    sign_in = demo_document()["admin"]

    admin = User.objects.get(username=sign_in["username"])
    assert admin.check_password(sign_in["password"])
    assert admin.is_staff
    assert admin.is_superuser


def test_demo__clients__hold_the_feature_they_are_named_for(client):
    document = demo_document()

    clients = document["clients"]
    assert list(clients) == list(CLIENT_FEATURES)
    held = {row.client_id: row.feature_names for row in ApiClient.objects.all()}
    assert held == {clients[name]["client_id"]: [name] for name in clients}
    basic = b64encode("{client_id}:{client_secret}".format(**clients["direct_access"]).encode())
    answer = client.get(
        "/v2/features/user/alice?inheritance=true",
        headers={"Authorization": f"Basic {basic.decode()}", "Host": "localhost"},
    )
    assert answer.status_code == 200


def test_demo__again__brings_clients_back_with_new_secrets():
    first = demo_document()["clients"]["owner"]
    client = ApiClient.objects.get(client_id=first["client_id"])
    second_owner = create_client(client.instance, "second", features=["owner"], **BY).client
    disable_client(client, **BY)
    set_client_features(client, [], **BY)

    second = demo_document()["clients"]["owner"]

    client.refresh_from_db()
    assert second["client_id"] == first["client_id"]
    assert second["client_secret"] != first["client_secret"]
    assert (client.disabled, client.feature_names) == (False, ["owner"])
    assert client.secret_digest == digest_of(second["client_secret"])
    assert ApiClient.objects.filter(pk=second_owner.pk).exists()


def test_demo__again__keeps_the_ids_and_makes_new_secrets():
    first = demo_document()

    second = demo_document()

    for kept in ("instance", "organizations", "users"):
        assert second[kept] == first[kept]
    assert second["admin"]["password"] != first["admin"]["password"]
    assert all(find_token(token, address="127.0.0.1") for token in second["tokens"].values())
    assert not any(find_token(token, address="127.0.0.1") for token in first["tokens"].values())
    assert AccessToken.objects.count() == len(TOKENS)


def test_demo__again__brings_roles_and_locks_back_and_keeps_settings():
    demo_document()
    instance = Instance.objects.get()
    alice = User.objects.get(username="alice")
    grant_role(alice, Role.IAM_OWNER, instance, **BY)
    set_features(instance, {"actions": True}, **BY)
    lock_feature(instance, "actions", **BY)
    history = Event.objects.filter(type="features.set").count()

    demo_document()

    assert not alice.memberships.exists()
    assert explain(alice, "actions").effective.locked_by is None
    assert explain(alice, "actions").effective.value is True
    assert Event.objects.filter(type="features.set").count() == history


def test_demo__story__is_told_in_an_organization_of_its_own():
    demo_document()

    owners = [System(), *Instance.objects.all(), *Organization.objects.all(), *User.objects.all()]
    stored = {owner.public_id: overrides_of(owner) for owner in owners}
    assert {public_id for public_id, overrides in stored.items() if overrides} == {
        "initech",
        "dana",
    }
    assert not any(one.locked for overrides in stored.values() for one in overrides.values())
    assert Event.objects.filter(type__startswith="features.").exclude(reason="").count() >= 5


def test_demo__other_instances__leaves_the_system_and_them_alone():
    create_instance("Other", public_id="other", domains=["other.example"])

    demo_document()

    assert overrides_of(System()) == {}
    assert set(Instance.objects.values_list("public_id", flat=True)) == {"other", "demo"}


def test_demo__taken_name__says_so_and_writes_nothing():
    User.objects.create_superuser("admin", "kept")

    with pytest.raises(CommandError, match="admin: somebody else has that name"):
        demo("--json")

    assert not Instance.objects.exists()
    assert User.objects.get().check_password("kept")


def test_demo__user_in_another_organization__says_so_and_moves_nobody():
    demo_document()
    delete_tenant(User.objects.get(public_id="alice"), **BY)
    globex = Organization.objects.get(public_id="globex")
    create_user(globex, "alice", public_id="alice")

    with pytest.raises(CommandError, match="alice: is in another organization"):
        demo("--json")

    assert User.objects.get(public_id="alice").organization == globex


def test_demo_if_empty__with_an_instance__changes_nothing():
    first = demo_document()

    printed = demo("--if-empty")

    assert printed == ""
    assert find_token(first["tokens"]["iam_owner"], address="127.0.0.1")
    assert User.objects.get(username="admin").check_password(first["admin"]["password"])


def test_demo_if_empty__without__tells_how_to_begin(monkeypatch):
    monkeypatch.setenv("PORT", "8123")

    printed = demo("--if-empty")

    password = printed.split("password")[1].split()[0]
    assert User.objects.get(username="admin").check_password(password)
    assert "http://localhost:8123/admin/" in printed
    token = printed.split("Bearer ")[1].split("'")[0]
    assert find_token(token, address="127.0.0.1")
    assert "http://localhost:8123/v2/features/user/alice?inheritance=true" in printed
    assert get_features(User.objects.get(username="alice")).values
