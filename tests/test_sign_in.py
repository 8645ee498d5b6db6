"""Signing in to the admin: guessing is stopped, sessions end, keys rotate, passwords are strong."""

from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import timezone

from tenancy.models import User
from tests.factories import make_cast

LOGIN, INDEX = "/admin/login/", "/admin/"
PASSWORD = "a long passphrase"
HERE, ELSEWHERE = "203.0.113.9", "198.51.100.7"
GUESSES = 10


@pytest.fixture
def ada(db):
    make_cast()
    return User.objects.create_superuser("ada", PASSWORD)


def sign_in(password, *, address=HERE, client=None, **headers):
    client = client or Client()
    return client.post(
        LOGIN, {"username": "ada", "password": password}, REMOTE_ADDR=address, headers=headers
    )


def guess(count, **options):
    return [sign_in(f"guess {number}", **options).status_code for number in range(count)]


def test_guessing__tenth_time__is_refused_even_with_the_right_password(ada):
    answers = guess(GUESSES)

    assert answers == [200] * (GUESSES - 1) + [429]
    assert sign_in(PASSWORD).status_code == 429


def test_guessing__from_elsewhere__does_not_lock_the_user_out(ada):
    guess(GUESSES)

    assert sign_in(PASSWORD, address=ELSEWHERE).status_code == 302


def test_guessing__with_made_up_forwarded_addresses__is_stopped(ada):
    answers = [
        sign_in("a guess", **{"x-forwarded-for": f"192.0.2.{number}"}).status_code
        for number in range(GUESSES)
    ]

    assert answers[-1] == 429


def test_guessing__behind_our_proxy__counts_for_the_caller(ada, settings):
    from ipaddress import ip_network

    settings.TRUSTED_PROXIES = [ip_network("10.0.0.0/8")]
    guess(GUESSES, address="10.0.0.5", **{"x-forwarded-for": HERE})

    there = sign_in(PASSWORD, address="10.0.0.5", **{"x-forwarded-for": ELSEWHERE})
    here = sign_in(PASSWORD, address="10.0.0.5", **{"x-forwarded-for": HERE})

    assert (there.status_code, here.status_code) == (302, 429)


def test_guessing__after_a_quarter_of_an_hour__one_may_try_again(ada):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        guess(GUESSES)
        clock.shift(timedelta(minutes=15, seconds=1))

        assert sign_in(PASSWORD).status_code == 302


def test_guessing__right_password_in_between__starts_anew(ada):
    guess(GUESSES - 1)
    sign_in(PASSWORD)

    assert guess(GUESSES - 1) == [200] * (GUESSES - 1)


def test_locked_out__answer__is_a_protected_page(ada):
    guess(GUESSES)

    answer = sign_in(PASSWORD)

    assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]
    assert "15 minutes" in answer.content.decode()


def test_session__after_twelve_hours__has_ended(ada):
    client = Client()
    with time_machine.travel(timezone.now(), tick=False) as clock:
        sign_in(PASSWORD, client=client)
        before = client.get(INDEX).status_code
        clock.shift(timedelta(hours=12, seconds=1))
        after = client.get(INDEX).status_code

    assert (before, after) == (200, 302)


def test_session__password_changed_elsewhere__has_ended(ada):
    client = Client()
    sign_in(PASSWORD, client=client)

    ada.set_password("another long passphrase")
    ada.save()

    assert client.get(INDEX).status_code == 302


def test_session__secret_key_replaced__goes_on_while_the_old_one_counts(ada, settings):
    client = Client()
    sign_in(PASSWORD, client=client)
    old = settings.SECRET_KEY

    settings.SECRET_KEY = "another key of the tests, which is as long as a key has to be"
    settings.SECRET_KEY_FALLBACKS = [old]
    rotating = client.get(INDEX).status_code
    settings.SECRET_KEY_FALLBACKS = []
    rotated = client.get(INDEX).status_code

    assert (rotating, rotated) == (200, 200)


def test_session__secret_key_replaced_at_once__has_ended(ada, settings):
    client = Client()
    sign_in(PASSWORD, client=client)

    settings.SECRET_KEY = "another key of the tests, which is as long as a key has to be"

    assert client.get(INDEX).status_code == 302


@pytest.mark.parametrize(
    "password", ["short", "password1234", "123456789012", "ada lovelace", "qwertyuiop12"]
)
def test_password__weak__is_refused(ada, password):
    ada.name = "Ada Lovelace"

    with pytest.raises(ValidationError):
        validate_password(password, ada)


def test_password__long_phrase__is_taken(ada):
    validate_password("correct horse battery", ada)
