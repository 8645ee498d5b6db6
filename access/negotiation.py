"""What a request says it sends and wants hardly matters: nearly all of the APIs is JSON."""

from collections.abc import Iterable
from typing import Any

from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request


class OneFormat(BaseContentNegotiation):
    """Take a view's first renderer and, but for a type that another names, its first parser.

    Existing scripts send the form type or none with JSON, and ask for anything.
    """

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> Any:
        """Return the parser of the very type that is sent, or the first."""
        first, *others = parsers
        sent = str(request.content_type).partition(";")[0].strip().lower()
        return next((parser for parser in others if parser.media_type == sent), first)

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> Any:
        """Return the first renderer with its own media type."""
        renderer = next(iter(renderers))
        return renderer, renderer.media_type
