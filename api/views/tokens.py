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
from api.views.base import Filter, ResourceViewSet
from clients.models import ApiClient
from clients.tokens import issue_token_for
from tenancy.levels import Level
from tenancy.lookups import holds
from tenancy.models import User


class TokenViewSet(ResourceViewSet):
    """The tokens of this instance, for whoever may issue some."""

    serializer_class = TokenSerializer
    orderings = {"-created": Ordering("pk", descending=True), "created": Ordering("pk")}
    lookup_value_regex = "[0-9]{1,18}"
    answers_once = True

    @property
    def known_filters(self) -> dict[str, Filter]:
        """The filters, by who holds the tokens, who is of this instance."""
        return {"user": self.by_owner("user", Level.USER), "client": self._by_client}

    def rows(self) -> QuerySet[AccessToken]:
        """Return the tokens of this instance. MissingPermission for who may not read them."""
        self._require(Action.READ)
        rows = AccessToken.objects.select_related("user", "client")
        finds = not self.is_asked_for("user", "client")
        return rows.filter(holds("instance", self.instance.pk, finds=finds))

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
        token = get_object_or_404(AccessToken, instance=self.instance, pk=pk)
        revoke_token(token, actor=self.actor, origin=self.origin)
        return Response(status=204)

    def _require(self, action: Action) -> None:
        require(self.actor, Permission(Resource.TOKENS, action), self.instance)

    def _by_client(self, rows: QuerySet[AccessToken], client_id: str) -> QuerySet[AccessToken]:
        """Narrow tokens to those of a client, who is looked up before, as `by_owner` does."""
        client = self._client(client_id)
        return rows.filter(client=client.pk) if client else rows.none()

    def _client(self, client_id: str) -> ApiClient | None:
        return self.instance.clients.filter(client_id=client_id).first()

    def _holder(self, user_id: str | None, client_id: str | None) -> User | ApiClient:
        user = self.instance.users.filter(public_id=user_id).first() if user_id else None
        client = self._client(client_id) if client_id else None
        holder = user or client
        if holder is None:
            raise UnknownOwner("user not found" if user_id else "client not found")
        return holder
