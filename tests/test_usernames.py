"""Usernames: one way to write each, the one that the sign-in page reads."""

import pytest
from django.urls import reverse

from access.tenants import change_tenant
from events.models import Event
from tenancy.models import User
from tenancy.services import create_user
from tests.factories import BY, make_cast
from tests.tenant_files import run, write

pytestmark = pytest.mark.django_db

TYPED = "\ufb01ona-zoe\u0301"  # a ligature, and an accent of its own, as some systems write it
STORED = "fiona-zo\u00e9"


def made(cast, _folder):
    return create_user(cast.acme, TYPED)


def changed(cast, _folder):
    return change_tenant(cast.bob, {"username": TYPED}, **BY)


def an_operator(_cast, _folder):
    return User.objects.create_user(TYPED)


def imported(_cast, folder):
    row = f"user,fi,Fi,organization:main/acme,{TYPED}"
    run(write(folder, f"type,id,name,parent,username\n{row}\n"))
    return User.objects.get(public_id="fi")


@pytest.mark.parametrize("make", [made, changed, an_operator, imported])
def test_username__written_in_another_way__signs_in_by_either(make, tmp_path, client):
    user = make(make_cast(), tmp_path)
    user.refresh_from_db()
    user.set_password("a long passphrase")
    user.is_staff = True
    user.save()

    assert user.username == STORED
    for name in (TYPED, STORED):
        client.logout()
        answer = client.post(
            reverse("admin:login"), {"username": name, "password": "a long passphrase"}
        )
        assert answer.status_code == 302, name


def test_username__written_in_another_way__is_told_as_it_is_stored():
    cast = make_cast()
    first = change_tenant(cast.bob, {"username": TYPED}, **BY)

    again = change_tenant(first, {"username": TYPED}, **BY)

    assert again.username == STORED
    assert [event.after for event in Event.objects.filter(type="tenants.changed")] == [STORED]
