"""The admin's pages of tenants, roles, tokens, API clients and security settings."""

import html
import re

import pytest
from django.urls import reverse

from access.models import AccessToken, Membership
from access.permissions import Role
from access.services import digest_of, grant_role
from clients.models import ApiClient
from events.models import Event
from features.models import Feature
from security.services import read_settings
from tenancy.models import Instance, Organization, System, User
from tests.factories import BY, make_cast, make_client, make_holder, token_for


@pytest.fixture
def cast(db, client):
    cast = make_cast()
    User.objects.filter(pk=cast.alice.pk).update(is_staff=True)
    client.force_login(cast.root)
    return cast


def sign_in(client, user):
    User.objects.filter(pk=user.pk).update(is_staff=True)
    client.force_login(user)


def page_of(row):
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def text_of(response):
    return response.content.decode()


# Tenants


def test_instance__added__exists_with_its_domains_and_history(cast, client):
    address = reverse("admin:tenancy_instance_add")

    client.post(address, {"name": "Second", "domains": "a.example\nB.example", "public_id": "two"})

    instance = Instance.objects.get(public_id="two")
    assert [str(domain) for domain in instance.domains.all()] == ["a.example", "b.example"]
    assert Event.objects.get(type="tenants.created", stream__owner="two").surface == "admin"


def test_organization__added_by_the_name_of_its_instance__exists_there(cast, client):
    address = reverse("admin:tenancy_organization_add")

    client.post(address, {"parent": "Main", "name": "Initech", "public_id": ""})

    assert Organization.objects.get(name="Initech").instance == cast.instance


def test_user__added__can_sign_in(cast, client):
    address = reverse("admin:tenancy_user_add")
    password = "a quite long pass"

    client.post(
        address, {"parent": "acme", "username": "dora", "password": password, "is_staff": "on"}
    )

    user = User.objects.get(username="dora")
    assert (user.organization, user.is_staff) == (cast.acme, True)
    assert user.check_password(password)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"username": "bob"}, "already exists"),
        ({"parent": "nowhere"}, "Nothing that you may add to"),
        ({"password": "short"}, "too short"),
        ({"public_id": "bob"}, "already exists"),
        ({"email": "no"}, "valid email"),
        ({"public_id": "a\x07b"}, "control characters"),
    ],
)
def test_user__added_with_a_mistake__is_not_made_and_the_page_says_why(cast, client, fields, said):
    before = User.objects.count()

    response = client.post(
        reverse("admin:tenancy_user_add"), {"parent": "acme", "username": "dora"} | fields
    )

    assert said in text_of(response)
    assert User.objects.count() == before


def test_user__added_by_the_owner_of_an_organization__comes_nowhere_else(cast, client):
    client.force_login(cast.alice)
    address = reverse("admin:tenancy_user_add")

    refused = client.post(address, {"parent": "globex", "username": "dora"})
    client.post(address, {"parent": "acme", "username": "dora"})

    assert "Nothing that you may add to" in text_of(refused)
    assert User.objects.get(username="dora").organization == cast.acme


@pytest.mark.parametrize("level", ["instance", "organization"])
def test_tenant__added_by_the_owner_of_an_organization__is_refused(cast, client, level):
    client.force_login(cast.alice)

    response = client.post(reverse(f"admin:tenancy_{level}_add"), {"name": "X", "parent": "main"})

    assert response.status_code == 403


def test_user__changed__records_only_what_was_changed(cast, client):
    form = {"username": "bob", "name": "Robert", "is_active": "on"}

    client.post(page_of(cast.bob), form)

    cast.bob.refresh_from_db()
    assert cast.bob.name == "Robert"
    assert [e.subject for e in Event.objects.filter(type="tenants.changed")] == ["name"]


def test_user__changed_by_a_viewer__is_refused(cast, client):
    sign_in(client, make_holder(Role.ORG_OWNER_VIEWER, cast.acme))

    page = text_of(client.get(page_of(cast.bob)))
    response = client.post(page_of(cast.bob), {"username": "robert", "is_active": "on"})

    assert "needs user.write" in page
    assert response.status_code == 403


def test_instance__domain_of_another__is_refused_beside_the_field(cast, client):
    client.post(
        reverse("admin:tenancy_instance_add"),
        {"name": "B", "domains": "b.example", "public_id": "b"},
    )

    response = client.post(page_of(cast.instance), {"name": "Main", "domains": "b.example"})

    assert "belongs to another instance" in text_of(response)


@pytest.mark.parametrize(("typed", "is_deleted"), [("bob", True), ("alice", False), ("", False)])
def test_user__deleted__only_when_the_id_was_typed(cast, client, typed, is_deleted):
    client.post(page_of(cast.bob), {"do": "delete", "confirm": typed})

    assert User.objects.filter(public_id="bob").exists() is not is_deleted


def test_organization__deleted_with_users__stays_and_the_page_says_why(cast, client):
    response = client.post(page_of(cast.acme), {"do": "delete", "confirm": "acme"}, follow=True)

    assert Organization.objects.filter(public_id="acme").exists()
    assert "still has what belongs to it" in text_of(response)


# Roles and tokens


def test_role__granted_and_taken_away__is_recorded(cast, client):
    form = {"user": "bob", "role": "ORG_USER_MANAGER", "owner": "Acme"}

    client.post(reverse("admin:access_membership_add"), form)
    membership = Membership.objects.get(user=cast.bob)
    client.post(page_of(membership), {"do": "revoke"})

    assert (membership.role, membership.organization) == ("ORG_USER_MANAGER", cast.acme)
    assert not Membership.objects.filter(user=cast.bob).exists()
    types = Event.objects.filter(stream__kind="roles", stream__owner="bob").order_by("pk")
    assert [event.type for event in types] == ["roles.granted", "roles.revoked"]


@pytest.mark.parametrize(
    ("user", "role", "owner"),
    [
        ("bob", "IAM_OWNER", "Main"),
        ("bob", "SYSTEM_OWNER", ""),
        ("bob", "ORG_OWNER", "Globex"),
        ("carol", "ORG_OWNER", "Acme"),
        ("bob", "ORG_OWNER", ""),
    ],
)
def test_role__granted_by_who_may_not__is_not_held(cast, client, user, role, owner):
    client.force_login(cast.alice)
    before = Membership.objects.count()

    client.post(
        reverse("admin:access_membership_add"), {"user": user, "role": role, "owner": owner}
    )

    assert Membership.objects.count() == before


def test_role__wider_than_the_own__cannot_be_taken_away(cast, client):
    held = grant_role(cast.bob, Role.ORG_OWNER, cast.acme, **BY)
    sign_in(client, make_holder(Role.ORG_OWNER_VIEWER, cast.acme))

    assert client.post(page_of(held), {"do": "revoke"}).status_code == 403
    assert Membership.objects.filter(pk=held.pk).exists()


def test_token__ended__is_dead(cast, client):
    token_for(cast.bob)
    token = AccessToken.objects.latest("pk")

    client.post(page_of(token), {"do": "end"})

    assert not AccessToken.objects.filter(pk=token.pk).exists()


# API clients


def client_form(client, row):
    return {"sequence": str(client.get(page_of(row)).context["sequence"])}


def test_api_client__made__shows_its_secret_this_once(cast, client):
    address = reverse("admin:clients_apiclient_add")
    nonce = client.get(address).context["nonce"]
    form = {"instance": "main", "description": "Importer", "features": ["direct_access"]}

    response = client.post(address, form | {"nonce": nonce})

    row = ApiClient.objects.get()
    secret = re.search(r'id="secret"[^>]*>([a-z0-9]{32})<', text_of(response))
    assert secret is not None
    assert digest_of(secret[1]) == row.secret_digest
    assert "no-store" in response["Cache-Control"]
    assert secret[1] not in text_of(client.get(page_of(row)))
    assert row.feature_names == ["direct_access"]


def test_api_client__form_sent_twice__is_made_once(cast, client):
    address = reverse("admin:clients_apiclient_add")
    nonce = client.get(address).context["nonce"]
    form = {"instance": "main", "description": "Importer", "nonce": nonce}

    client.post(address, form)
    client.post(address, form)

    assert ApiClient.objects.count() == 1


def test_api_client__secret_rotated__is_shown_once_and_the_old_one_overlaps(cast, client):
    row = make_client(cast.instance, "owner").client
    form = client_form(client, row) | {"do": "rotate", "hours": "24"}

    response = client.post(page_of(row), form)
    again = client.post(page_of(row), form, follow=True)

    before, now = row.secret_digest, ApiClient.objects.get(pk=row.pk)
    assert now.previous_digest == before
    assert 'id="secret"' in text_of(response)
    assert "changed meanwhile" in text_of(again)
    assert ApiClient.objects.get(pk=row.pk).secret_digest == now.secret_digest


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"do": "rotate", "hours": "169"}, "168"),
        ({"do": "networks", "networks": "10.0.0.1"}, "invalid cidr address: 10.0.0.1"),
        ({"do": "features", "features": ["login_client", "owner"]}, "alone"),
        ({"do": "features", "features": ["root"]}, "not one of the available choices"),
        ({"do": "features"}, "owner"),
        ({"do": "describe", "description": ""}, "required"),
        ({"do": "expiry", "expires_on": "soon"}, "valid date"),
        ({"do": "explode"}, "nothing that can be done"),
        ({"do": "delete", "confirm": ""}, "Nothing was deleted"),
    ],
)
def test_api_client__changed_with_a_mistake__stays_and_the_page_says_why(cast, client, form, said):
    row = make_client(cast.instance, "owner").client
    before = ApiClient.objects.filter(pk=row.pk).values()[0]

    response = client.post(page_of(row), client_form(client, row) | form, follow=True)

    assert said in text_of(response)
    assert ApiClient.objects.filter(pk=row.pk).values()[0] == before
    assert ApiClient.objects.get(pk=row.pk).feature_names == ["owner"]


def test_api_client__features_networks_end_and_state__are_written(cast, client):
    row = make_client(cast.instance, "direct_access").client

    for form in (
        {"do": "features", "features": ["direct_read_access"]},
        {"do": "networks", "networks": "10.0.0.0/8\nfd00::/8"},
        {"do": "expiry", "expires_on": "2030-05-01"},
        {"do": "disable"},
    ):
        client.post(page_of(row), client_form(client, row) | form)

    row = ApiClient.objects.get(pk=row.pk)
    assert row.feature_names == ["direct_read_access"]
    assert row.networks == ["10.0.0.0/8", "fd00::/8"]
    assert row.expires_at
    assert row.expires_at.isoformat() == "2030-05-01T23:59:59+00:00"
    assert row.disabled


def test_api_client__viewer__sees_it_and_is_refused(cast, client):
    row = make_client(cast.instance, "owner").client
    sign_in(client, make_holder(Role.IAM_OWNER_VIEWER, cast.instance))
    form = client_form(client, row) | {"do": "disable"}

    assert "needs clients.write" in text_of(client.get(page_of(row)))
    assert client.post(page_of(row), form).status_code == 403
    assert client.get(reverse("admin:clients_apiclient_add")).status_code == 403


def test_api_client__owner_of_an_organization__does_not_exist(cast, client):
    row = make_client(cast.instance, "owner").client
    client.force_login(cast.alice)

    assert client.get(page_of(row)).status_code == 404
    assert client.post(page_of(row), {"do": "disable"}).status_code == 404


# Security settings


def security_of(instance):
    return reverse("admin:owner_security", args=["instance", instance.pk])


def security_form(client, instance, **fields):
    return {"sequence": str(client.get(security_of(instance)).context["sequence"])} | fields


def test_security__preview__shows_the_header_and_saves_nothing(cast, client):
    fields = {"iframe": "on", "origins": "https://app.example.com/", "do": "preview"}

    page = text_of(
        client.post(security_of(cast.instance), security_form(client, cast.instance, **fields))
    )

    assert "frame-ancestors https://app.example.com" in page
    assert read_settings(cast.instance).iframe_enabled is False


def test_security__saved__holds_and_is_recorded(cast, client):
    fields = {"iframe": "on", "origins": "https://app.example.com", "impersonation": "on"}
    form = security_form(client, cast.instance, **fields, do="save", reason="a portal")

    client.post(security_of(cast.instance), form)

    settings = read_settings(cast.instance)
    assert settings.allowed_origins == ("https://app.example.com",)
    assert settings.impersonation_enabled
    assert {event.reason for event in Event.objects.filter(type="security.set")} == {"a portal"}


def test_security__bad_origins__are_each_named_and_nothing_is_saved(cast, client):
    lines = "https://good.example\nhttp://plain.example\nhttps://x.example/path"
    form = security_form(client, cast.instance, iframe="on", origins=lines, do="save")

    page = text_of(client.post(security_of(cast.instance), form))

    assert "must begin with https://" in page
    assert "must not have a path" in page
    assert "http://plain.example" in page
    assert read_settings(cast.instance).iframe_enabled is False


def test_security__changed_meanwhile__shows_both_and_saves_nothing(cast, client):
    stale = security_form(client, cast.instance, impersonation="on", do="save")
    other = security_form(client, cast.instance, iframe="on", origins="", do="save")
    client.post(security_of(cast.instance), other)

    response = client.post(security_of(cast.instance), stale)

    assert "Somebody changed these settings" in text_of(response)
    assert not read_settings(cast.instance).impersonation_enabled


def test_security__who_may_not__does_not_see_it_or_is_refused(cast, client):
    sign_in(client, make_holder(Role.IAM_OWNER_VIEWER, cast.instance))
    form = security_form(client, cast.instance, impersonation="on", do="save")
    assert client.post(security_of(cast.instance), form).status_code == 403

    client.force_login(cast.alice)
    assert client.get(security_of(cast.instance)).status_code == 404


# Addresses


@pytest.mark.parametrize(
    "path",
    [
        "owner/user/99999999999999999999/features/",
        "owner/project/1/features/",
        "owner/user/0/history/",
        "owner/user/1/explain/99999999999999999999/",
        "history/99999999999999999999/undo/",
        "history/run/00000000-0000-0000-0000-000000000000/",
        "tenancy/user/99999999999999999999/change/",
        "tenancy/user/x/change/",
        "r/1/1/",
        "nothing/",
    ],
)
def test_address__that_leads_nowhere__is_a_page_that_says_so(cast, client, path):
    response = client.get(f"/admin/{path}")

    assert response.status_code == 404
    assert "There is nothing here" in text_of(response)


def test_first_page__superuser_and_owner__shows_what_each_may_see(cast, client):
    make_client(cast.instance, "owner", description="Importer")

    root = text_of(client.get(reverse("admin:index")))
    client.force_login(cast.alice)
    alice = text_of(client.get(reverse("admin:index")))

    assert "Importer" in root
    assert "System settings" in root
    assert "Acme" in alice
    for hidden in ("Importer", "System settings", "Globex", "Main", "API clients"):
        assert hidden not in re.sub(
            r"<nav.*?</nav>|aria-label=\"Main\"", "", alice, flags=re.DOTALL
        )


def test_system__guessed_by_who_does_not_see_it__does_not_exist(cast, client):
    client.force_login(cast.alice)

    assert client.get(page_of(System())).status_code == 404
    assert client.get(reverse("admin:system_features"), follow=True).status_code == 404


# Definitions


def feature_form(**fields):
    return {
        "key": "dark_mode",
        "name": "Dark mode",
        "kind": "boolean",
        "default": "off",
        "levels": ["instance", "user"],
        "stage": "stable",
    } | fields


@pytest.mark.parametrize(
    ("fields", "default"),
    [
        ({}, False),
        ({"kind": "integer", "options": '{"minimum": 1}', "default": "3"}, 3),
        ({"kind": "choice", "options": '{"choices": ["a", "b"]}', "default": "b"}, "b"),
    ],
)
def test_feature__defined__is_there_and_recorded(cast, client, fields, default):
    client.post(reverse("admin:features_feature_add"), feature_form(**fields))

    feature = Feature.objects.get(key="dark_mode")
    assert (feature.default, feature.levels) == (default, [3, 7])
    assert Event.objects.latest("pk").type == "definition.created"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"key": "Dark"}, "must be a small letter"),
        ({"key": "actions"}, "there is such a feature already"),
        ({"default": "maybe"}, "must be on or off"),
        ({"kind": "choice", "default": "a"}, "choices"),
        ({"kind": "integer", "options": "[", "default": "1"}, "valid JSON"),
        ({"levels": []}, "required"),
        ({"name": ""}, "required"),
    ],
)
def test_feature__defined_with_a_mistake__is_not_there_and_the_page_says_why(
    cast, client, fields, said
):
    response = client.post(reverse("admin:features_feature_add"), feature_form(**fields))

    assert said in html.unescape(text_of(response))
    assert not Feature.objects.filter(builtin=False).exists()


def test_feature__edited__changes_only_what_was_changed(cast, client):
    client.post(reverse("admin:features_feature_add"), feature_form())
    feature = Feature.objects.get(key="dark_mode")

    form = feature_form(name="Dark", options="{}")
    client.post(reverse("admin:feature_edit", args=[feature.pk]), form)

    event = Event.objects.latest("pk")
    assert (event.type, event.after) == ("definition.changed", {"name": "Dark"})


def test_feature__disabled__asks_for_the_word_and_then_holds(cast, client):
    feature = Feature.objects.get(key="actions")
    address = reverse("admin:feature_switch", args=[feature.pk])

    asked = client.post(address, {"do": "disable"})
    client.post(address, {"do": "disable", "confirm": "yes"})
    still = Feature.objects.get(key="actions").enabled
    client.post(address, {"do": "disable", "confirm": "system", "reason": "an incident"})

    assert "Everybody gets its default" in text_of(asked)
    assert still
    assert not Feature.objects.get(key="actions").enabled
    assert Event.objects.latest("pk").reason == "an incident"

    client.post(address, {"do": "enable"})
    assert Feature.objects.get(key="actions").enabled


def test_feature__changed_by_the_owner_of_an_organization__is_refused(cast, client):
    feature = Feature.objects.get(key="actions")
    client.force_login(cast.alice)

    assert client.get(page_of(feature)).status_code == 200
    for name in ("feature_edit", "feature_switch"):
        address = reverse(f"admin:{name}", args=[feature.pk])
        assert client.post(address, {"do": "disable", "confirm": "system"}).status_code == 403
    assert client.post(reverse("admin:features_feature_add"), feature_form()).status_code == 403
    assert Feature.objects.get(key="actions").enabled


# A session that ended while a form was open


@pytest.mark.parametrize(
    ("path", "fields", "name"),
    [
        ("/admin/tenancy/user/add/", {"parent": "acme", "password": "hidden thing"}, "username"),
        ("/admin/access/membership/add/", {"role": "ORG_OWNER"}, "user"),
        ("/admin/clients/apiclient/add/", {"instance": "main"}, "description"),
        ("/admin/features/feature/add/", {"kind": "boolean"}, "name"),
    ],
)
def test_form__session_ended__shows_what_was_typed_but_no_password(
    cast, client, path, fields, name
):
    cast.root.set_password("a quite long password")
    cast.root.save()
    client.logout()

    kept = client.post(path, fields | {name: "typed before"}).context["kept"]
    sign_in = {"username": "root", "password": "a quite long password", "next": path, "kept": kept}
    page = text_of(client.post(reverse("admin:login"), sign_in, follow=True))

    assert "What you typed is here" in page
    assert "typed before" in page
    assert "hidden thing" not in page
