"""Passwords: set, and never told."""

from rest_framework.request import Request
from rest_framework.response import Response

from access.permissions import Action, Permission, Resource
from access.policy import UnknownOwner, may_see, require, require_password
from access.services import held_by
from access.tenants import set_password
from access.views import ApiViewSet
from api.serializers import PasswordSerializer, parse
from tenancy.levels import Level
from tenancy.models import User
from tenancy.services import find_owner


class PasswordViewSet(ApiViewSet):
    """The passwords of the instance's users.

    An Idempotency-Key is not kept here: its record would hold a digest of the password, made to be
    fast. Setting it twice is the same anyway.
    """

    lookup_field = "public_id"
    lookup_value_regex = r"[\s\S]+"

    def update(self, request: Request, public_id: str) -> Response:
        """Give a user a password; their sessions end."""
        user = find_owner(self.instance, Level.USER, public_id)
        if not isinstance(user, User) or not may_see(self.actor, user):
            require(self.actor, Permission(Resource.USERS, Action.WRITE), self.instance)
            raise UnknownOwner("user not found")
        require_password(self.actor, user, held_by(user))
        members = parse(PasswordSerializer, self.body())
        set_password(user, members["password"], actor=self.actor, origin=self.origin)
        return Response(status=204)
