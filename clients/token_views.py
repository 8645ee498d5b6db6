"""`/api/v1/tokens`: issuing, listing and ending the bearer tokens of an instance."""

from datetime import timedelta
from typing import Any

from django.db.models import Q, QuerySet
from rest_framework.exceptions import ParseError
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response

from access.models import AccessToken
from access.permissions import Action, Permission, Resource
from access.policy import UnknownOwner, require
from access.services import revoke_token
from access.views import ApiViewSet
from clients.models import ApiClient
from clients.refusals import storable
from clients.serializers import TokenRequest, parse_token_request, render_token
from clients.tokens import issue_token_for
from tenancy.identifiers import PUBLIC_ID_MAX_LENGTH
from tenancy.models import User


class TokenPagination(CursorPagination):
    page_size = 100
    max_page_size = 1000
    page_size_query_param = "page_size"
    ordering = "-id"


class TokenViewSet(ApiViewSet):
    """The tokens of the instance's users and API clients."""

    def list(self, request: Request) -> Response:
        """List the tokens, the newest first; `user` and `client` narrow it to a holder's."""
        self._require(Action.READ)
        tokens = self._tokens().select_related("user", "client")
        if user := request.query_params.get("user"):
            tokens = tokens.filter(user__public_id=storable(user, PUBLIC_ID_MAX_LENGTH))
        if client := request.query_params.get("client"):
            tokens = tokens.filter(client__client_id=storable(client, PUBLIC_ID_MAX_LENGTH))
        paginator = TokenPagination()
        try:
            page = paginator.paginate_queryset(tokens, request, view=self) or []
        except ValueError:  # a cursor that somebody made up
            raise ParseError("cursor: take it from the answer before") from None
        return paginator.get_paginated_response([render_token(token) for token in page])

    def create(self, request: Request) -> Response:
        """Issue a token; its text is in this answer and nowhere else."""
        self._require(Action.WRITE)
        wanted = parse_token_request(self.body())
        issued = issue_token_for(
            self._holder(wanted),
            permissions=wanted.permissions,
            lifetime=timedelta(days=wanted.days),
            description=wanted.description,
            actor=self.actor,
            origin=self.origin,
        )
        return Response(
            {**render_token(issued.row), "token": issued.text},
            status=201,
            headers={"Cache-Control": "no-store"},
        )

    def destroy(self, request: Request, token_id: str) -> Response:
        """End a token at once."""
        self._require(Action.DELETE)
        token: Any = self._tokens().filter(pk=token_id).first() if len(token_id) < 19 else None
        if token is None:
            raise AccessToken.DoesNotExist("token not found")
        revoke_token(token, actor=self.actor, origin=self.origin)
        return Response(status=204)

    def _require(self, action: Action) -> None:
        require(self.actor, Permission(Resource.TOKENS, action), self.instance)

    def _tokens(self) -> QuerySet[AccessToken]:
        return AccessToken.objects.filter(
            Q(user__instance=self.instance) | Q(client__instance=self.instance)
        )

    def _holder(self, wanted: TokenRequest) -> User | ApiClient:
        found: User | ApiClient | None
        if wanted.user is not None:
            found = self.instance.users.filter(public_id=wanted.user).first()
        else:
            found = self.instance.clients.filter(client_id=wanted.client).first()
        if found is None:
            raise UnknownOwner("user not found" if wanted.user is not None else "client not found")
        return found
