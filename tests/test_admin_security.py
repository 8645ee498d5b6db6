"""The admin's page of an instance's security settings."""

import pytest
from django.urls import reverse

from access.permissions import Role
from events.models import Event
from security.services import read_settings
from tenancy.models import User
from tests.admin_forms import sign_in, text_of
from tests.factories import make_holder


@pytest.fixture
def cast(cast, client):
    User.objects.filter(pk=cast.alice.pk).update(is_staff=True)
    client.force_login(cast.root)
    return cast


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
