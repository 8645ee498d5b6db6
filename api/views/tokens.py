"""Tokens: the bearer tokens of the instance's users and API clients."""

from datetime import timedelta

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from access.models import AccessToken
from access.permissions import Action, Permission, Resource
from access.policy import UnknownOwner, require
from access.services import DEFAULT_LIFETIME, revoke_token
from api.pagination import Ordering
from api.serializers import TokenSerializer
from api.views.base import Filter, ResourceViewSet, either
from clients.models import ApiClient
from clients.tokens import issue_token_for
from tenancy.levels import Level
from tenancy.models import User


def by_client(rows: QuerySet[AccessToken], text: str) -> QuerySet[AccessToken]:
    """Narrow tokens to those of a client."""
    named = ApiClient.objects.filter(client_id=text).values_list("pk", flat=True)
    return rows.filter(client=named.first() or 0)


class TokenViewSet(ResourceViewSet):
    """The tokens of this instance, for whoever may issue some."""

    serializer_class = TokenSerializer
    orderings = {"-created": Ordering("pk", descending=True), "created": Ordering("pk")}
    filters = {"client": by_client}
    lookup_value_regex = "[0-9]{1,18}"
    answers_once = True

    @property
    def known_filters(self) -> dict[str, Filter]:
        """The filters, with the user, who is one of this instance."""
        return {"user": self.by_owner("user", Level.USER), **self.filters}

    def rows(self) -> QuerySet[AccessToken]:
        """Return the tokens of this instance. MissingPermission for who may not read them."""
        self._require(Action.READ)
        return self._here().select_related("user", "client")

    def create(self, request: Request) -> Response:
        """Issue a token; its text is in this answer and nowhere else."""
        self._require(Action.WRITE)
        members = self.parse()
        issued = issue_token_for(
            self._holder(members.get("user"), members.get("client")),
            permissions=members.get("permissions"),
            lifetime=timedelta(days=members.get("expires_in_days", DEFAULT_LIFETIME.days)),
            description=members.get("description", ""),
            actor=self.actor,
            origin=self.origin,
        )
        return Response(
            {**self.render(issued.row), "token": issued.text},
            status=201,
            headers={"Cache-Control": "no-store"},
        )

    def destroy(self, request: Request, pk: str) -> Response:
        """End a token at once."""
        self._require(Action.DELETE)
        token = get_object_or_404(self._here(), pk=pk)
        revoke_token(token, actor=self.actor, origin=self.origin)
        return Response(status=204)

    def _require(self, action: Action) -> None:
        require(self.actor, Permission(Resource.TOKENS, action), self.instance)

    def _here(self) -> QuerySet[AccessToken]:
        here = either(self.instance, "user__instance_id", "client__instance_id")
        return AccessToken.objects.filter(here)

    def _holder(self, user_id: str | None, client_id: str | None) -> User | ApiClient:
        user = self.instance.users.filter(public_id=user_id).first() if user_id else None
        client = self.instance.clients.filter(client_id=client_id).first() if client_id else None
        holder = user or client
        if holder is None:
            raise UnknownOwner("user not found" if user_id else "client not found")
        return holder
