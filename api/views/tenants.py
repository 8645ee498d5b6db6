"""Instances, organizations and users: who exists."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django.db import transaction
from django.db.models import Prefetch, QuerySet
from django.http import Http404
from rest_framework.request import Request
from rest_framework.response import Response

from access.permissions import Action, Permission
from access.policy import allows, granted_organizations, may_see, require, visible
from access.tenants import (
    TENANT,
    change_tenant,
    create_instance,
    create_organization,
    create_user,
    delete_tenant,
    require_on_tenant,
    set_domains,
)
from api.pagination import Ordering
from api.serializers import InstanceSerializer, OrganizationSerializer, UserSerializer
from api.views.base import Filter, ResourceViewSet, holds_each, prefix
from events.services import StreamKey, lock_stream
from tenancy.levels import Level
from tenancy.lookups import holds
from tenancy.models import Instance, InstanceDomain, Organization, Owner, System, User
from tenancy.prepared import PreparedQuery
from tenancy.services import find_owner

BY_NAME = {"name": Ordering("folded_name"), "-name": Ordering("folded_name", descending=True)}
BY_USERNAME = {
    "username": Ordering("folded_username"),
    "-username": Ordering("folded_username", descending=True),
}
BY_EMAIL = {"email": Ordering("folded_email"), "-email": Ordering("folded_email", descending=True)}
SEES_USERS = Permission.on_features(Level.USER, Action.READ)
BY_CREATION = {"created": Ordering("pk"), "-created": Ordering("pk", descending=True)}


class TenantViewSet(ResourceViewSet):
    """Tenants of one level. Those that the caller does not see do not exist."""

    level: ClassVar[Level]
    lookup_field = "public_id"
    lookup_value_regex = r"[\s\S]+"

    def handle_exception(self, error: Exception) -> Response:
        """Answer an error, with the id spelt as requests spell it."""
        faults = getattr(error, "error_dict", {})
        if "public_id" in faults:
            faults["id"] = faults.pop("public_id")
        return super().handle_exception(error)

    def retrieve(self, request: Request, public_id: str) -> Response:
        """Return one tenant."""
        return self.answer(self.render(self._get(public_id)))

    def create(self, request: Request) -> Response:
        """Create a tenant."""
        self.require(Action.WRITE, self.parent())
        return self.answer(self.render(self.add(self.parse())), status=201)

    def partial_update(self, request: Request, public_id: str) -> Response:
        """Change the members that the body holds."""
        with transaction.atomic():
            tenant = self._lock(public_id, Action.WRITE)
            members = self.parse(partial=True)
            changed = [name for name in members if getattr(tenant, name) != members[name]]
            require_on_tenant(self.actor, Action.WRITE, tenant, changed)
            self.change(tenant, members)
        return self.answer(self.render(self._get(public_id)))

    def destroy(self, request: Request, public_id: str) -> Response:
        """Delete a tenant to which nothing belongs any more."""
        with transaction.atomic():
            tenant = self._lock(public_id, Action.DELETE)
            delete_tenant(tenant, actor=self.actor, origin=self.origin)
        return Response(status=204)

    def rows(self) -> QuerySet[Any]:
        """Return the tenants of this level that the caller sees."""
        raise NotImplementedError

    def parent(self) -> Owner:
        """Return the owner under which a new tenant comes."""
        return self.instance

    def add(self, members: dict[str, Any]) -> Any:
        """Create a tenant from checked members."""
        raise NotImplementedError

    def change(self, tenant: Any, members: dict[str, Any]) -> None:
        """Change a tenant by checked members."""
        change_tenant(tenant, members, actor=self.actor, origin=self.origin)

    def require(self, action: Action, owner: Owner) -> None:
        """Raise MissingPermission unless the caller may do that to the owner."""
        require(self.actor, Permission.on_tenants(self.level, action), owner)

    def _get(self, public_id: str) -> Any:
        """Return the tenant, if the caller sees it."""
        tenant = self.find(public_id)
        if tenant is None or not may_see(self.actor, tenant):
            raise Http404(f"{self.level.label} not found")
        return tenant

    def find(self, public_id: str) -> Owner | None:
        """Return the tenant of an id, whoever may see it."""
        return find_owner(self.instance, self.level, public_id)

    def _lock(self, public_id: str, action: Action) -> Any:
        """Return the tenant, which nobody else changes until the transaction ends."""
        tenant = self._get(public_id)
        require_on_tenant(self.actor, action, tenant)
        lock_stream(StreamKey.of(tenant, TENANT))
        tenant = self._get(public_id)
        self.check_if_match(tenant)
        return tenant


def by_domain(rows: QuerySet[Any], text: str) -> QuerySet[Any]:
    """Narrow instances to the one of a domain."""
    named = InstanceDomain.objects.filter(domain=text).values_list("instance", flat=True)
    return rows.filter(pk=named.first() or 0)


class InstanceViewSet(TenantViewSet):
    """The instances of the system. An API client sees its own."""

    level = Level.INSTANCE
    serializer_class = InstanceSerializer
    orderings = BY_NAME | BY_CREATION
    filters = {"q": prefix("folded_name"), "domain": by_domain}
    orderings_of = {"q": BY_NAME}

    def rows(self) -> QuerySet[Instance]:
        """Return the instances that the caller sees."""
        rows = Instance.objects.filter(visible(self.actor, Level.INSTANCE))
        return rows.prefetch_related(Prefetch("domains", to_attr="held_domains"))

    def find(self, public_id: str) -> Instance | None:
        """Return the instance of an id, with its domains."""
        for instance in instances_by_id(public_id):
            instance.held_domains = domains_of(instance.pk)  # type: ignore[attr-defined]
            return instance
        return None

    def parent(self) -> System:
        """Instances belong to the system."""
        return System()

    def add(self, members: dict[str, Any]) -> Instance | None:
        """Create an instance with its domains."""
        instance = create_instance(**members, actor=self.actor, origin=self.origin)
        return self.find(instance.public_id)

    def change(self, tenant: Instance, members: dict[str, Any]) -> None:
        """Change the name, the domains or both."""
        domains = members.pop("domains", None)
        super().change(tenant, members)
        if domains is not None:
            set_domains(tenant, domains, actor=self.actor, origin=self.origin)


instances_by_id = PreparedQuery(
    lambda public_id: Instance.objects.filter(public_id=public_id), "public id"
)
domains_of = PreparedQuery(lambda instance: InstanceDomain.objects.filter(instance=instance), -1)


class OrganizationViewSet(TenantViewSet):
    """The organizations of the instance."""

    level = Level.ORGANIZATION
    serializer_class = OrganizationSerializer
    orderings = BY_NAME | BY_CREATION
    filters = {"q": prefix("folded_name")}
    orderings_of = {"q": BY_NAME}

    def rows(self) -> QuerySet[Organization]:
        """Return the organizations of this instance that the caller sees."""
        rows = Organization.objects.filter(instance=self.instance)
        return rows.filter(visible(self.actor, Level.ORGANIZATION))

    def add(self, members: dict[str, Any]) -> Organization:
        """Create an organization of this instance."""
        return create_organization(self.instance, **members, actor=self.actor, origin=self.origin)


class UserViewSet(TenantViewSet):
    """The users of the instance."""

    level = Level.USER
    serializer_class = UserSerializer
    orderings = BY_USERNAME | BY_NAME | BY_EMAIL | BY_CREATION
    filters = {
        "q": prefix("folded_username"),
        "name": prefix("folded_name"),
        "email": prefix("folded_email"),
    }
    orderings_of = {
        "q": BY_USERNAME,
        "name": BY_NAME,
        "email": BY_EMAIL,
    }

    @property
    def known_filters(self) -> dict[str, Filter]:
        """The filters, with the organization, which `rows` has narrowed to."""
        return {"organization": lambda rows, _id: rows, **self.filters}

    def rows(self) -> QuerySet[User]:
        """Return the users of this instance, or of the organization asked for, that are seen.

        One organization is named alone, without the instance: there is an index of either, and the
        databases are left no choice.
        """
        rows = User.objects.select_related("organization")  # the instance is known
        if public_id := self.request.query_params.get("organization"):
            organization = find_owner(self.instance, Level.ORGANIZATION, public_id)
            if organization is None or not allows(self.actor, SEES_USERS, organization):
                return rows.none()
            return rows.filter(organization=organization.pk)
        if allows(self.actor, SEES_USERS, self.instance):
            return rows.filter(instance=self.instance)
        return rows.filter(
            holds("instance", self.instance.pk, finds=False),
            holds("organization", *granted_organizations(self.actor, SEES_USERS), finds=False),
        )

    def parts(self) -> Sequence[QuerySet[User]]:
        """Return the list as a whole, or by the organizations of who does not see all of it."""
        if allows(self.actor, SEES_USERS, self.instance) or self.is_asked_for("organization"):
            return [self.rows()]
        keys = granted_organizations(self.actor, SEES_USERS)
        return [self.rows().filter(part) for part in holds_each("organization", keys)] or [
            self.rows()
        ]

    def create(self, request: Request) -> Response:
        """Create a user of an organization that the caller may put users into."""
        members = self.parse()
        public_id = members.pop("organization")["public_id"]
        organization = find_owner(self.instance, Level.ORGANIZATION, public_id)
        if not isinstance(organization, Organization) or not may_see(self.actor, organization):
            raise Http404("organization not found")
        self.require(Action.WRITE, organization)
        user = create_user(organization, **members, actor=self.actor, origin=self.origin)
        return self.answer(self.render(user), status=201)
