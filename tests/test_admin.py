"""The admin: who sees what, that nothing is written past the services, and at what cost."""

import pytest
from django.contrib import admin
from django.contrib.admin import ModelAdmin
from django.urls import reverse

from access.models import AccessToken, Membership
from access.permissions import Role
from access.policy_admin import PolicyAdmin
from access.services import grant_role
from clients.models import ApiClient
from features.services import set_features
from tenancy.models import System, User
from tenancy.services import create_instance, create_organization, create_user
from tests.factories import BY, make_holder, token_for

LISTS = [
    *("tenancy_system", "tenancy_instance", "tenancy_organization", "tenancy_user"),
    *("access_membership", "access_accesstoken", "clients_apiclient", "features_feature"),
]


@pytest.fixture
def cast(cast):
    User.objects.filter(pk=cast.alice.pk).update(is_staff=True)
    for owner in (System(), cast.instance, cast.acme, cast.globex, cast.bob, cast.carol):
        set_features(owner, {"actions": True}, **BY)
    grant_role(cast.carol, Role.ORG_OWNER, cast.globex, **BY)
    for user in (cast.alice, cast.bob, cast.carol):
        token_for(user)
    ApiClient.objects.create(instance=cast.instance, client_id="c" * 32, description="Importer")
    return cast


def ids_of(client, listing, query=""):
    """Return the primary keys that a list shows."""
    response = client.get(reverse(f"admin:{listing}_changelist") + query)
    assert response.status_code == 200
    return {row.pk for row in response.context["cl"].result_list}


def change_page(row):
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def model_of(listing):
    return next(
        model
        for model in admin.site._registry
        if f"{model._meta.app_label}_{model._meta.model_name}" == listing
    )


@pytest.mark.parametrize("listing", LISTS)
def test_admin_list__superuser__shows_everything(cast, client, listing):
    client.force_login(cast.root)

    shown = ids_of(client, listing)

    model = next(
        m for m in admin.site._registry if f"{m._meta.app_label}_{m._meta.model_name}" == listing
    )
    assert shown == set(model._default_manager.values_list("pk", flat=True))
    assert shown


def test_admin_lists__owner_of_an_organization__show_it_and_its_users(cast, client):
    client.force_login(cast.alice)

    assert ids_of(client, "tenancy_organization") == {cast.acme.pk}
    assert ids_of(client, "tenancy_user") == {cast.alice.pk, cast.bob.pk}
    assert ids_of(client, "access_membership") == set(
        Membership.objects.filter(user=cast.alice).values_list("pk", flat=True)
    )


@pytest.mark.parametrize(
    "listing",
    [
        *("tenancy_system", "tenancy_instance", "access_accesstoken", "clients_apiclient"),
    ],
)
def test_admin_list__owner_of_an_organization__is_empty_of_what_is_above(cast, client, listing):
    client.force_login(cast.alice)

    assert ids_of(client, listing) == set()


@pytest.mark.parametrize(
    ("listing", "query"),
    [
        ("tenancy_organization", "?q=globex"),
        ("tenancy_user", "?q=carol"),
        ("access_membership", "?q=carol"),
        ("access_accesstoken", "?q=carol"),
    ],
)
def test_admin_search__for_what_is_another_tenants__finds_nothing(cast, client, listing, query):
    client.force_login(cast.alice)

    response = client.get(reverse(f"admin:{listing}_changelist") + query)

    if response.status_code == 200:
        assert list(response.context["cl"].result_list) == []
    else:
        assert response.status_code in {302, 400}


def test_admin_object__another_tenants__does_not_exist(cast, client):
    client.force_login(cast.alice)
    hidden = [
        *(System.objects.get(), cast.instance, cast.globex, cast.carol, cast.root),
        *Membership.objects.filter(user=cast.carol),
        *AccessToken.objects.all(),
        *ApiClient.objects.all(),
    ]

    answers = {change_page(row): client.get(change_page(row)).status_code for row in hidden}

    assert set(answers.values()) == {404}, answers
    assert client.get(change_page(cast.acme)).status_code == 200
    assert client.get(change_page(cast.bob)).status_code == 200


def test_admin_object__guessed_key__answers_as_for_another_tenants(cast, client):
    client.force_login(cast.alice)
    unknown = reverse("admin:tenancy_organization_change", args=[999_999])

    assert client.get(unknown).status_code == client.get(change_page(cast.globex)).status_code


def test_admin_autocomplete__owner_of_an_organization__offers_their_users_only(cast, client):
    client.force_login(cast.alice)
    source = {"app_label": "access", "model_name": "membership", "field_name": "user"}

    answer = client.get(reverse("admin:autocomplete"), source | {"term": ""})

    assert {row["text"] for row in answer.json()["results"]} == {"alice", "bob"}


def test_admin__user_without_staff_status__is_sent_to_the_sign_in_page(cast, client):
    client.force_login(cast.bob)

    response = client.get(reverse("admin:tenancy_user_changelist"))

    assert response.status_code == 302
    assert response.url.startswith(reverse("admin:login"))


def test_admin_lists__owner_of_an_instance__show_nothing_of_another(cast, client):
    other = create_instance("Other", public_id="other", domains=["other.example"])
    initech = create_organization(other, "Initech", public_id="initech")
    milton = create_user(initech, "milton", public_id="milton")
    set_features(initech, {"actions": True}, **BY)
    set_features(milton, {"actions": True}, **BY)
    token_for(milton)
    owner = make_holder(Role.IAM_OWNER, cast.instance)
    User.objects.filter(pk=owner.pk).update(is_staff=True)
    client.force_login(owner)

    assert ids_of(client, "tenancy_instance") == {cast.instance.pk}
    assert ids_of(client, "tenancy_organization") == {cast.acme.pk, cast.globex.pk}
    assert milton.pk not in ids_of(client, "tenancy_user")
    assert cast.root.pk not in ids_of(client, "tenancy_user")
    assert not AccessToken.objects.filter(
        pk__in=ids_of(client, "access_accesstoken"), user=milton
    ).exists()
    assert client.get(change_page(milton)).status_code == 404


def test_admin_instances__operator_of_the_system__sees_every_instance_but_no_users(cast, client):
    operator = make_holder(Role.SYSTEM_OWNER, System())
    User.objects.filter(pk=operator.pk).update(is_staff=True)
    client.force_login(operator)

    assert ids_of(client, "tenancy_instance") == {cast.instance.pk}
    assert ids_of(client, "tenancy_organization") == set()
    assert ids_of(client, "tenancy_user") == set()


def test_admin_token__anybody__never_shows_the_digest(cast, client):
    client.force_login(cast.root)
    token = AccessToken.objects.latest("pk")

    pages = (
        client.get(change_page(token)).content
        + client.get(reverse("admin:access_accesstoken_changelist")).content
    )

    assert token.digest.encode() not in pages


@pytest.mark.parametrize("model", list(admin.site._registry), ids=lambda m: m._meta.label)
def test_model_admin__any__cannot_write_past_the_services(model):
    model_admin = admin.site._registry[model]

    assert isinstance(model_admin, PolicyAdmin)
    assert not model_admin.inlines
    assert not model_admin.list_editable
    assert not model_admin.actions
    for door in ("save_model", "save_related", "delete_model", "delete_queryset", "log_change"):
        assert getattr(type(model_admin), door) is not getattr(ModelAdmin, door)


@pytest.mark.parametrize("listing", LISTS)
def test_admin_page__posted_to_as_the_stock_admin_would__changes_nothing(cast, client, listing):
    client.force_login(cast.root)
    model = next(
        m for m in admin.site._registry if f"{m._meta.app_label}_{m._meta.model_name}" == listing
    )
    before = list(model._default_manager.order_by("pk").values())
    row = model._default_manager.latest("pk")
    name = f"admin:{listing}"

    client.post(
        reverse(f"{name}_changelist"), {"action": "delete_selected", "_selected_action": [row.pk]}
    )
    client.post(reverse(f"{name}_delete", args=[row.pk]), {"post": "yes"})
    client.post(
        reverse(f"{name}_change", args=[row.pk]),
        {"public_id": "changed", "is_superuser": "on", "_save": "Save"},
    )
    client.post(reverse(f"{name}_add"), {"pk": "77", "_save": "Save"})

    assert list(model._default_manager.order_by("pk").values()) == before


@pytest.mark.parametrize("listing", LISTS)
def test_admin_list__more_rows__costs_the_same_queries(
    cast, client, listing, django_assert_max_num_queries
):
    client.force_login(cast.root)
    address = reverse(f"admin:{listing}_changelist")
    for number in range(8):
        organization = create_organization(cast.instance, f"Organization {number}")
        user = create_user(organization, f"user{number}")
        grant_role(user, Role.ORG_OWNER, organization, **BY)
        set_features(organization, {"actions": False}, **BY)
        set_features(user, {"actions": False}, **BY)
        token_for(user)
        ApiClient.objects.create(
            instance=cast.instance, client_id=f"client{number}", description="x"
        )
        create_instance(f"Instance {number}", domains=[f"i{number}.example"])

    with django_assert_max_num_queries(9):
        client.get(address)
