"""What the tests of token exchange and introspection share: a stage set for impersonation."""

from urllib.parse import urlencode

from django.test import Client

from access.permissions import Role
from features.services import set_features
from security.services import patch_security_settings
from tests.factories import BY, basic, make_client, make_holder, token_for

TOKEN, INTROSPECT = "/oauth/v2/token", "/oauth/v2/introspect"
GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
USER_ID = "urn:zitadel:params:oauth:token-type:user_id"
FORM = "application/x-www-form-urlencoded"
FEATURES = "/v2/features/organization/acme"
MISSING = object()


class Stage:
    """The cast, an impersonator of the whole instance, a client that may ask; all switched on."""

    def __init__(self, cast):
        self.cast = cast
        self.instance = self.cast.instance
        self.ina = make_holder(Role.IAM_ADMIN_IMPERSONATOR, self.instance, "ina")
        self.issued = make_client(self.instance, "access_issuer")
        self.ina_token = token_for(self.ina)
        set_features(self.instance, {"oidc_token_exchange": True}, **BY)
        self.switch(on=True)

    def switch(self, *, on):
        patch_security_settings(self.instance, {"impersonation_enabled": on}, **BY)

    def form(self, **changes):
        """Return the parameters by which ina acts as alice, with some of them changed."""
        fields = {
            "grant_type": GRANT,
            "subject_token": "alice",
            "subject_token_type": USER_ID,
            "actor_token": self.ina_token,
            "actor_token_type": ACCESS_TOKEN,
            "requested_token_type": ACCESS_TOKEN,
        } | changes
        return {name: value for name, value in fields.items() if value is not MISSING}

    def post(self, fields, path=TOKEN, headers=None):
        body = fields if isinstance(fields, (str, bytes)) else urlencode(fields)
        headers = basic(self.issued) if headers is None else headers
        return Client().post(path, body, content_type=FORM, headers=headers)

    def exchange(self, **changes):
        return self.post(self.form(**changes))

    def introspect(self, token):
        return self.post({"token": token}, INTROSPECT).json()


def bearer(token):
    return Client(headers={"authorization": f"Bearer {token}"})


def put(token, path, body):
    return bearer(token).put(path, body, content_type="application/json")


def error_of(response):
    assert response["Cache-Control"] == "no-store"
    body = response.json()
    assert set(body) == {"error", "error_description"}
    return response.status_code, body["error"]
