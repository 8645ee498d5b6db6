"""Memberships: the roles that users hold."""

from collections.abc import Sequence
from contextlib import suppress

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from access.models import Membership
from access.permissions import Action, Permission, Resource, Role
from access.policy import (
    MissingPermission,
    UnknownOwner,
    allows,
    granted_organizations,
    may_grant,
    may_see,
)
from access.services import grant_role, revoke_role
from api.pagination import Ordering
from api.serializers import MembershipSerializer
from api.views.base import Filter, ResourceViewSet, holds_each, one_of
from tenancy.levels import Level
from tenancy.lookups import holds
from tenancy.models import Owner
from tenancy.prepared import PreparedQuery
from tenancy.references import BadReference, find_by_reference
from tenancy.services import find_owner

READ = Permission(Resource.MEMBERSHIPS, Action.READ)


class MembershipViewSet(ResourceViewSet):
    """The roles held on this instance and on its organizations."""

    serializer_class = MembershipSerializer
    orderings = {"created": Ordering("pk"), "-created": Ordering("pk", descending=True)}
    filters = {"role": one_of("role", Role)}
    lookup_value_regex = "[0-9]{1,18}"

    @property
    def known_filters(self) -> dict[str, Filter]:
        """The filters, with the owners, which are of this instance."""
        by_user = self.by_owner("user", Level.USER)
        by_organization = self.by_owner("organization", Level.ORGANIZATION, behind="user")
        return {"user": by_user, "organization": by_organization, **self.filters}

    def rows(self) -> QuerySet[Membership]:
        """Return the memberships of this instance that the caller sees."""
        rows = Membership.objects.select_related("user", "instance", "organization__instance")
        if allows(self.actor, READ, self.instance):
            finds = not self.is_asked_for("user", "organization")
            return rows.filter(holds("instance", self.instance.pk, finds=finds))
        return rows.filter(
            holds("instance", self.instance.pk, finds=False),
            holds("organization", *granted_organizations(self.actor, READ), finds=False),
        )

    def parts(self) -> Sequence[QuerySet[Membership]]:
        """Return the list as a whole, or by the organizations of who does not see all of it."""
        if allows(self.actor, READ, self.instance) or self.is_asked_for("user", "organization"):
            return [self.rows()]
        keys = granted_organizations(self.actor, READ)
        return [self.rows().filter(part) for part in holds_each("organization", keys)] or [
            self.rows()
        ]

    def retrieve(self, request: Request, pk: str) -> Response:
        """Return one membership."""
        for membership in memberships_by_id(int(pk)):
            owner = membership.owner
            if owner.instance_or_none == self.instance and allows(self.actor, READ, owner):
                return self.answer(self.render(membership))
        raise Http404("membership not found")

    def create(self, request: Request) -> Response:
        """Let a user hold a role. AlreadyExists when they hold it already."""
        members = self.parse()
        role = Role(members["role"])
        owner = self._owner(members["owner"]["reference"])
        self._require_grant(role, owner)
        user = find_owner(self.instance, Level.USER, members["user"]["public_id"])
        if user is None or not may_see(self.actor, user):
            raise UnknownOwner("user not found")
        membership = grant_role(
            user,  # type: ignore[arg-type]
            role,
            owner,
            is_new=True,
            actor=self.actor,
            origin=self.origin,
        )
        return self.answer(self.render(membership), status=201)

    def destroy(self, request: Request, pk: str) -> Response:
        """Take the role away."""
        membership = get_object_or_404(self.rows(), pk=pk)
        self._require_grant(Role(membership.role), membership.owner)
        revoke_role(membership, actor=self.actor, origin=self.origin)
        return Response(status=204)

    def _owner(self, reference: str) -> Owner:
        """Return the owner on which the role is held, when the caller sees its memberships.

        ValidationError for every other, in words that do not tell whether there is one.
        """
        with suppress(BadReference):
            owner = find_by_reference(reference)
            if owner.instance_or_none == self.instance and allows(self.actor, READ, owner):
                return owner
        hint = "write instance:ID or organization:INSTANCE/ID"
        raise ValidationError({"owner": f'there is no "{reference}" that you see: {hint}'})

    def _require_grant(self, role: Role, owner: Owner) -> None:
        if not may_grant(self.actor, role, owner):
            raise MissingPermission(Permission(Resource.MEMBERSHIPS, Action.WRITE))


memberships_by_id = PreparedQuery(
    lambda key: Membership.objects.filter(pk=key).select_related(
        "user", "instance", "organization__instance"
    ),
    -1,
)
