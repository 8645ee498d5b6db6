"""The commands for API clients, as a shell sees them."""

import json
import re
from datetime import UTC, datetime
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from access.commands import Exit
from clients.models import ApiClient, Refusal
from clients.services import disable_client
from events.models import Event
from tenancy.services import create_instance
from tests.factories import BY, basic, make_client

pytestmark = pytest.mark.django_db

READ = "/v2/features/instance?inheritance=true"


@pytest.fixture
def instance():
    return create_instance("Main", public_id="main", domains=["testserver"])


@pytest.fixture
def owner(instance):
    return make_client(instance, "owner")


@pytest.fixture
def reader(instance):
    return make_client(instance, "direct_read_access", description="reader")


def run(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def fail(*arguments: str) -> tuple[int, str]:
    """Return the exit code and what it says."""
    with pytest.raises(CommandError) as caught:
        call_command(*arguments, stdout=StringIO(), stderr=StringIO())
    return caught.value.returncode, str(caught.value)


def state():
    return list(ApiClient.objects.values("client_id", "secret_digest", "disabled", "networks"))


def test_clients_create__owner__is_the_way_back_in(client, instance):
    printed = run("clients_create", "--feature", "owner")

    created = re.fullmatch(r"client_id      (\w{32})\nclient_secret  (\w{32})\n", printed)
    assert created
    client_id, client_secret = created.groups()
    answer = client.post(
        f"/clients/list?client_id={client_id}&client_secret={client_secret}"
    ).json()
    assert [entry["features"] for entry in answer["results"]] == [["owner"]]
    event = Event.objects.get()
    assert (event.type, event.surface, event.actor_type) == (
        "clients.created",
        "command",
        "operator",
    )


def test_clients_create__dry_run__makes_nothing_and_shows_no_secret(instance):
    document = json.loads(run("clients_create", "x", "--dry-run", "--json"))

    assert (document["client_id"], document["client_secret"]) == (None, None)
    assert document["whitelist"] == ["0.0.0.0/0"]
    assert not ApiClient.objects.exists()
    assert not Event.objects.exists()


def test_clients_create__several_instances__has_to_name_one(instance):
    create_instance("Other", public_id="other", domains=["other.example"])

    unnamed = fail("clients_create", "x")
    unknown = fail("clients_create", "x", "--instance", "4711")
    run("clients_create", "x", "--instance", "other")

    assert unnamed == (Exit.FAILED, "there are several instances: name one with --instance ID")
    assert unknown == (Exit.FAILED, 'there is no instance "4711"')
    assert ApiClient.objects.get().instance.public_id == "other"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--feature", "Owner"], "features: Owner is not a valid feature name"),
        (
            ["--feature", "login_client", "--feature", "owner"],
            "features: login_client may be held only alone",
        ),
        ([" "], "description: must not be blank"),
    ],
)
def test_clients_create__bad_wish__makes_nothing(instance, arguments, sentence):
    assert fail("clients_create", *arguments) == (Exit.FAILED, sentence)
    assert not ApiClient.objects.exists()


def test_clients_list__some__are_shown_without_secrets(instance, owner, reader):
    table = run("clients_list")
    [document] = json.loads(run("clients_list", "--feature", "owner", "--json"))

    lines = table.splitlines()
    assert len(lines) == 3
    assert lines[2].split()[:4] == ["main", reader.client.client_id, "reader", "direct_read_access"]
    assert owner.secret not in table
    assert (document["instance"], document["client_id"]) == ("main", owner.client.client_id)


def test_clients_list__disabled_or_expired__is_told_as_such(instance, owner, reader):
    disable_client(reader.client, **BY)
    ended = datetime(2020, 1, 1, tzinfo=UTC)
    ApiClient.objects.filter(pk=owner.client.pk).update(expires_at=ended)

    lines = run("clients_list").splitlines()
    documents = json.loads(run("clients_list", "--json"))

    assert [line.rsplit("  ", 1)[1] for line in lines[1:]] == [
        "expired 2020-01-01T00:00:00.000Z",
        "disabled",
    ]
    assert [document["disabled"] for document in documents] == [False, True]


@pytest.mark.parametrize(
    ("instance_id", "sentence"),
    [
        ("mian", 'there is no instance "mian"; did you mean "main"?'),
        ("nowhere", 'there is no instance "nowhere"'),
    ],
)
def test_clients_list__unknown_instance__says_so(instance, owner, instance_id, sentence):
    create_instance("Empty", public_id="empty", domains=["empty.example"])

    assert fail("clients_list", "--instance", instance_id) == (Exit.FAILED, sentence)
    assert json.loads(run("clients_list", "--instance", "empty", "--json")) == []


def test_clients_set_features__names__replace_the_set(client, owner, reader):
    client_id = reader.client.client_id

    report = json.loads(run("clients_set_features", client_id, "access_issuer", "--json"))

    assert report["changes"] == [
        {
            "client": client_id,
            "field": "features",
            "before": ["direct_read_access"],
            "after": ["access_issuer"],
        }
    ]
    assert client.get(READ, headers=basic(reader)).status_code == 403
    assert json.loads(run("clients_set_features", client_id, "access_issuer", "--json"))[
        "summary"
    ] == {"changed": 0, "unchanged": 1, "errors": 0}


def test_clients_set_features__dry_run__shows_it_and_changes_nothing(client, reader):
    client_id = reader.client.client_id

    printed = run("clients_set_features", client_id, "--none", "--dry-run")

    assert printed == f"{client_id} features: direct_read_access → none\n"
    assert client.get(READ, headers=basic(reader)).status_code == 200


@pytest.mark.parametrize(
    ("command", "arguments", "field"),
    [
        ("clients_set_features", ["direct_access"], "features"),
        ("clients_disable", [], "disabled"),
        ("clients_expire", ["2100-01-01"], "expires_at"),
    ],
)
def test_command__that_takes_the_last_owner__is_refused(owner, command, arguments, field):
    before = state()

    failed = fail(command, owner.client.client_id, *arguments)

    assert failed == (Exit.FAILED, f"{field}: the instance would be left without an owner")
    assert state() == before


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("clients_set_features", []),
        ("clients_set_features", ["owner", "--none"]),
        ("clients_allow", []),
        ("clients_allow", ["10.0.0.0/8", "--any"]),
        ("clients_expire", ["tomorrow"]),
        ("clients_expire", ["2030-13-01"]),
        ("clients_rotate_secret", ["--hours", "169"]),
        ("clients_rotate_secret", ["--hours", "-1"]),
    ],
)
def test_command__used_wrongly__says_what_to_write(reader, command, arguments):
    before = state()

    code, sentence = fail(command, reader.client.client_id, *arguments)

    assert (code, bool(sentence)) == (Exit.USAGE, True)
    assert state() == before


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("clients_set_features", ["owner"]),
        ("clients_allow", ["--any"]),
        ("clients_disable", []),
        ("clients_enable", []),
        ("clients_expire", ["never"]),
        ("clients_rotate_secret", []),
    ],
)
def test_command__unknown_client__says_so(instance, command, arguments):
    code, sentence = fail(command, "nobody", *arguments)

    assert (code, sentence) == (
        Exit.FAILED,
        'there is no client "nobody"; clients_list shows all',
    )


def test_clients_rotate_secret__with_hours__prints_the_new_one_alone(client, reader):
    new = run("clients_rotate_secret", reader.client.client_id, "--hours", "1")

    assert re.fullmatch(r"[a-hjkmnp-z2-9]{32}\n", new)
    for secret in (new.strip(), reader.secret):
        assert client.get(READ, headers=basic(reader, secret)).status_code == 200


def test_clients_rotate_secret__dry_run__changes_nothing(client, reader):
    document = json.loads(
        run("clients_rotate_secret", reader.client.client_id, "--dry-run", "--json")
    )

    assert document["new_secret"] is None
    assert client.get(READ, headers=basic(reader)).status_code == 200


def test_clients_allow__networks__are_all_that_is_allowed(client, reader):
    client_id = reader.client.client_id

    run("clients_allow", client_id, "198.51.100.7/24")
    refused = client.get(READ, headers=basic(reader)).status_code
    bad = fail("clients_allow", client_id, "198.51.100.7")
    run("clients_allow", client_id, "--any")

    assert refused == 403
    assert bad == (Exit.FAILED, "networks: invalid cidr address: 198.51.100.7")
    assert client.get(READ, headers=basic(reader)).status_code == 200


def test_clients_disable__client__signs_in_no_more_until_enabled(client, reader):
    client_id = reader.client.client_id

    assert run("clients_disable", client_id) == f"{client_id} disabled: no → yes\n"
    assert client.get(READ, headers=basic(reader)).status_code == 401
    assert run("clients_enable", client_id) == f"{client_id} disabled: yes → no\n"
    assert client.get(READ, headers=basic(reader)).status_code == 200


def test_clients_expire__past_and_never__ends_and_revives(client, reader):
    run("clients_expire", reader.client.client_id, "2020-01-01")
    assert client.get(READ, headers=basic(reader)).status_code == 401

    run("clients_expire", reader.client.client_id, "never")
    assert client.get(READ, headers=basic(reader)).status_code == 200


def test_clients_refusals__after_a_403__tell_the_reason(client, reader):
    response = client.put(
        "/v2/features/instance",
        {"loginDefaultOrg": True},
        content_type="application/json",
        headers=basic(reader),
    )

    [document] = json.loads(
        run("clients_refusals", "--request-id", response["X-Request-Id"], "--json")
    )

    assert document.pop("time")
    assert document == {
        "client_id": reader.client.client_id,
        "reason": "feature",
        "detail": "missing permission iam.feature.write",
        "address": "127.0.0.1",
        "request_id": response["X-Request-Id"],
    }
    assert Refusal.objects.count() == 1
    assert run("clients_refusals", "nobody").splitlines()[1:] == []


def test_command__done__is_in_the_history_with_who_and_why(reader):
    run("clients_disable", reader.client.client_id, "--actor", "ops", "--reason", "leaked")

    event = Event.objects.get(type="clients.disabled")
    assert (event.subject, event.actor_name, event.reason) == (
        reader.client.client_id,
        "ops",
        "leaked",
    )


@pytest.mark.parametrize(
    "command",
    [
        *("clients_list", "clients_create", "clients_set_features", "clients_rotate_secret"),
        *("clients_allow", "clients_disable", "clients_enable", "clients_expire"),
        "clients_refusals",
    ],
)
def test_command__help__shows_an_example(command, capsys):
    with pytest.raises(SystemExit):
        call_command(command, "--help")

    assert f"Example: manage.py {command}" in " ".join(capsys.readouterr().out.split())
