"""Wrong passwords are counted for a person, not for everybody of that name."""

import pytest
from axes.models import AccessAttempt
from django.test import Client

from config.settings import AXES_FAILURE_LIMIT
from tenancy.models import User
from tenancy.services import create_instance, create_organization, create_user

PASSWORD = "a long passphrase"
OTHER = "shop.example"


@pytest.fixture
def cast(cast):
    """Two people of one name in two instances, and an operator."""
    other = create_organization(create_instance("Shop", public_id="shop", domains=[OTHER]), "Shop")
    for organization in (cast.acme, other):
        user = create_user(organization, "nora")
        user.set_password(PASSWORD)
        user.is_staff = True
        user.save()
    User.objects.create_superuser("ada", PASSWORD)
    return cast


def sign_in(name, password, host="testserver"):
    form = {"username": name, "password": password}
    return Client().post("/admin/login/", form, headers={"host": host}).status_code


def test_guessing__in_one_instance__locks_nobody_out_of_another(cast):
    guesses = [sign_in("nora", f"guess {n}", OTHER) for n in range(AXES_FAILURE_LIMIT)]

    assert guesses[-1] == 429
    assert sign_in("nora", PASSWORD, OTHER) == 429
    assert sign_in("nora", PASSWORD) == 302
    assert AccessAttempt.objects.get().username == "shop/nora"


def test_guessing__signing_in_as_a_namesake__does_not_start_anew(cast):
    for n in range(AXES_FAILURE_LIMIT - 1):
        sign_in("nora", f"guess {n}", OTHER)

    assert sign_in("nora", PASSWORD) == 302
    assert sign_in("nora", "the last guess", OTHER) == 429


def test_guessing__an_operator__is_counted_over_all_hosts(cast):
    hosts = ["testserver", OTHER] * (AXES_FAILURE_LIMIT // 2)

    guesses = [sign_in("ada", f"guess {n}", host) for n, host in enumerate(hosts)]

    assert guesses == [200] * (AXES_FAILURE_LIMIT - 1) + [429]
    assert sign_in("ada", PASSWORD) == 429
