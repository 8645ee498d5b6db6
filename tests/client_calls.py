"""What the tests of API clients share: how a client calls, and what a refusal looks like."""

import re
from urllib.parse import urlencode

from clients.models import Refusal
from tests.factories import basic

PATH = "/v2/features/instance?inheritance=true"
FORM = "application/x-www-form-urlencoded"
ID = re.compile(r"[a-hjkmnp-z2-9]{32}")
DENIED = "the provided client does not have authorization for this action"
POST_ONLY = [
    "set_features",
    "add",
    "set_description",
    "set_whitelist",
    "clear_whitelist",
    "reset_secret",
    "delete",
]


def caller(client, owner):
    """Return a function that calls an endpoint, as the owner unless another client is given."""

    def post(verb, parameters=None, *, by=owner, query=None, **extra):
        headers = basic(by) if by else {}
        path = f"/clients/{verb}?{urlencode(query or {})}"
        body = urlencode(parameters or {})
        response = client.post(path, body, content_type=FORM, headers=headers, **extra)
        assert response.status_code == 200
        return response.json()

    return post


def status(client, issued, secret=None, **extra):
    return client.get(PATH, headers=basic(issued, secret), **extra).status_code


def reasons():
    return list(Refusal.objects.order_by("id").values_list("reason", flat=True))


def refused(answer, code, error, **members):
    """Whether the answer is this error and has nothing else."""
    assert len(answer.pop("request_id")) == 16
    assert isinstance(answer.pop("error_description"), str)
    assert answer == {"stat": "error", "code": code, "error": error, **members}
    return True
