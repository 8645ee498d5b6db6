"""What the tests of stored plans share: rows, users, and calls in somebody's name."""

from tenancy.models import User
from tests.factories import token_for
from tests.rest import send


def caller(client, user, **options):
    """Return what sends requests to the management API in a user's name."""
    token = token_for(user, **options)

    def call(verb, path, body=None, **headers):
        return send(client, verb, f"/api/v1/{path}", body, token, **headers)

    return call


def row(owner, value, feature="user_schema", level="user"):
    """Return a row of a plan."""
    return {"level": level, "owner": owner, "feature": feature, "value": value}


def make_plan(call, *rows):
    """Make a plan of rows and return its JSON."""
    answer = call("POST", "plans", {"rows": list(rows)})
    assert answer.status_code == 201, answer.content
    return answer.json()


def make_users(cast, number, prefix="u"):
    """Make many users of acme."""
    names = [f"{prefix}{n}" for n in range(number)]
    User.objects.bulk_create(
        User(instance=cast.instance, organization=cast.acme, public_id=name, username=name)
        for name in names
    )
    return names
