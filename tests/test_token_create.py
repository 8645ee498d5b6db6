"""token_create: the token alone on stdout, and never again."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from access.authentication import find_token
from access.models import AccessToken
from access.permissions import Role
from access.services import grant_role
from clients.services import create_client
from events.models import Event
from tests.factories import BY

pytestmark = pytest.mark.django_db


def create(*arguments: str) -> str:
    out = StringIO()
    call_command("token_create", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def test_token_create__user__prints_the_token_alone(cast):
    printed = create("user:alice", "--expires-in", "30", "--description", "report")

    assert printed == printed.strip() + "\n"
    found = find_token(printed.strip(), address="")
    assert found
    actor, row, _ = found
    assert (actor.id, row.description) == ("alice", "report")
    assert abs(row.expires_at - timezone.now() - timedelta(days=30)) < timedelta(minutes=1)
    event = Event.objects.get(type="tokens.issued")
    assert (event.subject, event.surface) == (row.prefix, "command")


def test_token_create__client__signs_it_in(cast):
    client = create_client(cast.instance, "reports", features=["direct_read_access"], **BY).client

    token = create(f"client:{client.client_id}").strip()

    found = find_token(token, address="")
    assert found
    assert (found[0].id, found[0].instance) == (client.client_id, cast.instance)


def test_token_create__permissions__limit_it_and_bring_what_they_imply(cast):
    grant_role(cast.bob, Role.IAM_OWNER, cast.instance, **BY)

    document = json.loads(create("user:bob", "--permissions", "org.feature.read", "--json"))

    assert document["permissions"] == ["org.feature.effective", "org.feature.read"]
    found = find_token(document["token"], address="")
    assert found
    assert {str(p) for grant in found[0].grants for p in grant.permissions} == {
        "org.feature.effective",
        "org.feature.read",
    }


def test_token_create__dry_run__makes_none(cast):
    document = json.loads(create("user:bob", "--dry-run", "--json"))

    assert document["token"] is None
    assert not AccessToken.objects.exists()
    assert not Event.objects.filter(type="tokens.issued").exists()
    assert create("user:bob", "--dry-run") == ""


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["user:nobody"], 1, 'there is no user "nobody"'),
        (["client:nobody"], 1, 'there is no client "nobody"'),
        (["organization:acme"], 2, '"organization:acme" holds no tokens: write user:ID or'),
        (["bob"], 2, '"bob" holds no tokens'),
        (["user:bob", "--expires-in", "0"], 2, "--expires-in: 1 to 365 days"),
        (["user:bob", "--expires-in", "366"], 2, "--expires-in: 1 to 365 days"),
        (
            ["user:bob", "--permissions", "org.feature.raed,x"],
            1,
            'permissions: there is no permission "org.feature.raed"; did you mean "org.fea',
        ),
        (["user:bob", "--description", "x" * 201], 1, "description"),
    ],
)
def test_token_create__bad_input__says_what_to_write(cast, arguments, code, sentence):
    with pytest.raises(CommandError) as caught:
        create(*arguments)

    assert caught.value.returncode == code
    assert str(caught.value).startswith(sentence)
    assert not AccessToken.objects.exists()
