"""security_show and security_set, as a shell sees them."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from access.commands import Exit
from events.models import Event
from security.services import patch_security_settings, read_settings
from security.settings import SecuritySettings
from tests.factories import BY, make_cast

APP, WWW = "https://app.example.com", "https://www.example.com"


@pytest.fixture
def instance(db):
    return make_cast().instance


def run(*arguments):
    out = StringIO()
    call_command(*arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def fail(*arguments):
    with pytest.raises(CommandError) as caught:
        call_command(*arguments, stdout=StringIO(), stderr=StringIO())
    return caught.value.returncode, str(caught.value)


def test_show__json__is_what_the_api_answers(instance):
    patch_security_settings(instance, {"allowed_origins": (APP,)}, **BY)

    shown = json.loads(run("security_show", "main", "--json"))

    assert shown["settings"] == {
        "embeddedIframe": {"enabled": False, "allowedOrigins": [APP]},
        "enableImpersonation": False,
    }
    assert shown["details"]["sequence"] == "1"


def test_show__words__tell_the_settings_and_the_header(instance):
    shown = run("security_show", "instance:main")

    assert "embeddedIframe.enabled: off\n" in shown
    assert "frame-ancestors 'none'\n" in shown


def test_set__named_settings__change_and_no_others(instance):
    patch_security_settings(instance, {"allowed_origins": (WWW,)}, **BY)

    shown = run(
        *("security_set", "instance:main", "--iframe", "on"),
        *("--allow-origin", "HTTPS://App.example.com/", "--reason", "The portal"),
    )

    assert read_settings(instance) == SecuritySettings(True, (WWW, APP), False)
    assert f"embeddedIframe.allowedOrigins: {WWW} → {WWW} {APP}\n" in shown
    event = Event.objects.first()
    assert event is not None
    assert (event.surface, event.reason) == ("command", "The portal")


def test_set__deny_origin_and_impersonation__change(instance):
    patch_security_settings(instance, {"allowed_origins": (WWW, APP)}, **BY)

    run("security_set", "main", "--deny-origin", WWW, "--impersonation", "on")

    assert read_settings(instance) == SecuritySettings(False, (APP,), True)


def test_set__dry_run__tells_the_same_and_writes_nothing(instance):
    arguments = ("security_set", "main", "--iframe", "on", "--allow-origin", APP, "--json")

    tried = json.loads(run(*arguments, "--dry-run"))

    assert read_settings(instance) == SecuritySettings()
    assert not Event.objects.filter(type="security.set").exists()
    done = json.loads(run(*arguments))
    assert tried["changes"] == done["changes"]
    assert [change["setting"] for change in done["changes"]] == [
        "embeddedIframe.enabled",
        "embeddedIframe.allowedOrigins",
    ]
    assert (tried["dry_run"], done["dry_run"]) == (True, False)


def test_set__what_holds_already__changes_nothing(instance):
    report = json.loads(run("security_set", "main", "--iframe", "off", "--json"))

    assert report["summary"] == {"changed": 0, "unchanged": 1, "errors": 0}


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        ((), Exit.USAGE, "at least one setting"),
        (("--iframe", "on", "--allow-origin", "*"), Exit.FAILED, "--allow-origin '*': must"),
        (("--allow-origin", "http://a.example"), Exit.FAILED, "http is for localhost"),
        (("--deny-origin", APP), Exit.FAILED, f"{APP} is not an allowed origin"),
        (("--allow-origin", APP, "--deny-origin", APP), Exit.FAILED, "both allowed and denied"),
    ],
)
def test_set__wrong__says_so_and_writes_nothing(instance, arguments, code, sentence):
    found, said = fail("security_set", "main", *arguments)

    assert found == code
    assert sentence in said
    assert read_settings(instance) == SecuritySettings()


def test_set__one_origin_too_many__is_refused(instance):
    full = tuple(f"https://a{number}.example" for number in range(100))
    patch_security_settings(instance, {"allowed_origins": full}, **BY)

    code, said = fail("security_set", "main", "--allow-origin", APP)

    assert (code, "the 100 that may be allowed" in said) == (Exit.FAILED, True)


@pytest.mark.parametrize("command", ["security_show", "security_set"])
def test_command__unknown_instance__says_so(instance, command):
    options = ("--iframe", "on") if command == "security_set" else ()

    assert fail(command, "instance:nobody", *options) == (
        Exit.FAILED,
        'there is no instance "nobody"',
    )
