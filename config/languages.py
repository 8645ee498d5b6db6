"""Pages speak the reader's language. The APIs do not: their messages are part of a contract."""

from django.http import HttpRequest, HttpResponseBase
from django.middleware.locale import LocaleMiddleware
from django.utils import translation

from config.errors import is_api_path


class PageLanguage(LocaleMiddleware):
    """Django's own, for every path outside the APIs."""

    def process_request(self, request: HttpRequest) -> None:
        if _is_api(request):
            translation.deactivate()  # what the thread's last page has left
        else:
            super().process_request(request)

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        if _is_api(request):
            return response
        return super().process_response(request, response)


def _is_api(request: HttpRequest) -> bool:
    # The clients' API has errors of its own, so it is none of those with the error body.
    return is_api_path(request.path) or request.path.startswith("/clients/")
