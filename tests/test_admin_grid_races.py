"""The feature grid when two write at once, when a form is old, and when the session ended."""

import pytest
from django.urls import reverse
from django.utils import timezone

from events.models import Event
from features.models import Feature
from features.services import set_features
from tenancy.models import User
from tenancy.revision import touch_revision
from tests.admin_forms import field, form_of, grid_of, own
from tests.factories import BY, make_cast


@pytest.fixture
def cast(db, client):
    cast = make_cast()
    User.objects.filter(pk=cast.alice.pk).update(is_staff=True)
    client.force_login(cast.root)
    return cast


def test_grid__different_features_changed_by_two__both_are_kept(cast, client):
    form = form_of(client, cast.bob)
    set_features(cast.bob, {"user_schema": True}, **BY)

    client.post(grid_of(cast.bob), form | {field("actions"): "on"})

    assert own(cast.bob) == {"actions": True, "user_schema": True}


def test_grid__same_feature_changed_by_two__shows_both_and_writes_on_the_second_save(cast, client):
    form = form_of(client, cast.bob) | {field("actions"): "on", field("user_schema"): "on"}
    set_features(cast.bob, {"actions": False}, **BY)

    response = client.post(grid_of(cast.bob), form)

    assert own(cast.bob) == {"actions": False}
    page = response.content.decode()
    assert "Somebody changed the same feature" in page
    assert "Now stored:" in page
    rows = {row.definition.key: row for _stage, rows in response.context["groups"] for row in rows}
    assert rows["actions"].has_conflict
    assert not rows["user_schema"].has_conflict

    again = form | {field("actions", "was"): rows["actions"].state}
    client.post(grid_of(cast.bob), again)

    assert own(cast.bob) == {"actions": True, "user_schema": True}


def test_grid__shown_again_after_a_conflict__does_not_take_anothers_change_for_ours(cast, client):
    form = form_of(client, cast.bob) | {field("actions"): "on"}
    set_features(cast.bob, {"actions": False, "user_schema": True}, **BY)

    response = client.post(grid_of(cast.bob), form)

    rows = [row for _stage, rows in response.context["groups"] for row in rows]
    untouched = next(row for row in rows if row.definition.key == "user_schema")
    assert untouched.choice == "on"
    assert untouched.state == "true"


def test_grid__sent_twice__changes_nothing_the_second_time(cast, client):
    form = form_of(client, cast.bob) | {field("actions"): "on"}
    client.post(grid_of(cast.bob), form)

    response = client.post(grid_of(cast.bob), form, follow=True)

    assert Event.objects.filter(stream__owner="bob", subject="actions").count() == 1
    assert "Nothing was changed" in response.content.decode()


def test_grid__old_page_after_a_save__merges_another_change(cast, client):
    form = form_of(client, cast.bob)
    client.post(grid_of(cast.bob), form | {field("actions"): "on"})

    client.post(grid_of(cast.bob), form | {field("user_schema"): "on"})

    assert own(cast.bob) == {"actions": True, "user_schema": True}


def test_grid__feature_archived_meanwhile__writes_nothing(cast, client):
    form = form_of(client, cast.bob) | {field("actions"): "on"}
    Feature.objects.filter(key="actions").update(archived_at=timezone.now())
    touch_revision()

    response = client.post(grid_of(cast.bob), form)

    assert "does not exist any more" in response.content.decode()
    assert own(cast.bob) == {}


def test_grid__owner_deleted_meanwhile__does_not_exist(cast, client):
    form = form_of(client, cast.bob)
    address = grid_of(cast.bob)
    cast.bob.delete()

    assert client.post(address, form).status_code == 404


def test_grid__session_ended__keeps_what_was_typed(cast, client, settings):
    cast.root.set_password("a long password")
    cast.root.save()
    client.force_login(cast.root)
    form = form_of(client, cast.bob) | {field("actions"): "on", "reason": "typed for long"}
    client.logout()

    sign_in = client.post(grid_of(cast.bob), form)
    kept = sign_in.context["kept"]
    shown = client.post(
        reverse("admin:login"),
        {
            "username": "root",
            "password": "a long password",
            "next": grid_of(cast.bob),
            "kept": kept,
        },
        follow=True,
    )

    assert own(cast.bob) == {}
    page = shown.content.decode()
    assert "What you typed is here" in page
    assert "typed for long" in page
    rows = [row for _stage, rows in shown.context["groups"] for row in rows]
    assert next(row for row in rows if row.definition.key == "actions").choice == "on"


def test_grid__kept_form_that_was_forged__is_ignored(cast, client):
    cast.root.set_password("a long password")
    cast.root.save()
    client.logout()
    body = {"username": "root", "password": "a long password", "next": grid_of(cast.bob)}

    response = client.post(reverse("admin:login"), body | {"kept": "forged"}, follow=True)

    assert response.status_code == 200
    assert "What you typed is here" not in response.content.decode()


@pytest.mark.django_db(transaction=True)
def test_grid__owner_deleted_while_saving__is_not_found_and_nothing_is_written(
    cast, client, monkeypatch
):
    form = form_of(client, cast.bob) | {field("actions"): "on"}

    def delete_first(owner, *arguments, **options):
        User.objects.filter(pk=owner.pk).delete()
        return set_features(owner, *arguments, **options)

    monkeypatch.setattr("features.admin_views.grid.set_features", delete_first)
    response = client.post(grid_of(cast.bob), form)

    assert response.status_code == 404
    assert not Event.objects.filter(subject="actions").exists()
