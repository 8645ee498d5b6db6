"""The health service, by which load balancers choose where to send requests."""

from collections.abc import Callable, Container

from django.core.exceptions import ObjectDoesNotExist

from rpc.codecs import Answer, Incoming
from rpc.servicers import Context


class UnknownService(ObjectDoesNotExist):
    """The health of a service that does not exist was asked for."""


class HealthServicer:
    """Tells whether the server can take requests. Nobody has to sign in to ask.

    All services live and die together, with the database.
    """

    def __init__(self, services: Container[str], find_obstacle: Callable[[], str]) -> None:
        self.services = services
        self.find_obstacle = find_obstacle

    def check(self, request: Incoming, context: Context) -> Answer:
        """Answer for one service, or for the server when none is named. UnknownService."""
        service = request.fields.get("service", "")
        if service and service not in self.services:
            raise UnknownService(f'there is no service "{service}"')
        status = "NOT_SERVING" if self.find_obstacle() else "SERVING"
        return Answer(context.method.output, {"status": status})
