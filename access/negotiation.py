"""What a request says it sends and wants does not matter: the APIs speak JSON alone."""

from collections.abc import Iterable
from typing import Any

from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request


class OneFormat(BaseContentNegotiation):
    """Take a view's first parser and first renderer, whatever the headers say.

    Existing scripts send the form type or none with JSON, and ask for anything.
    """

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> Any:
        """Return the first parser."""
        return next(iter(parsers))

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> Any:
        """Return the first renderer with its own media type."""
        renderer = next(iter(renderers))
        return renderer, renderer.media_type
