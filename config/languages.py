"""Pages speak the reader's language. The APIs do not: their messages are part of a contract."""

from django.http import HttpRequest, HttpResponseBase
from django.middleware.locale import LocaleMiddleware

from config.errors import is_api_path


class PageLanguage(LocaleMiddleware):
    """Django's own, for every path outside the APIs."""

    def process_request(self, request: HttpRequest) -> None:
        if not is_api_path(request.path):
            super().process_request(request)

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        if is_api_path(request.path):
            return response
        return super().process_response(request, response)
