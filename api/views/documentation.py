"""The OpenAPI document, and pages to read it and to try requests."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from drf_spectacular.views import SpectacularSwaggerSplitView
from rest_framework.negotiation import DefaultContentNegotiation

from features.serializers import hash_tag, names_tag


@require_safe
def schema_view(request: HttpRequest) -> HttpResponse:
    """Return the OpenAPI document."""
    from api.schema.document import make_document

    document = make_document()
    tag = hash_tag(document)
    if names_tag(request.headers.get("If-None-Match"), tag):
        return HttpResponse(status=304, headers={"ETag": tag})
    return JsonResponse(document, headers={"ETag": tag})


class DocumentationView(SpectacularSwaggerSplitView):
    """Swagger UI from our own host, with nothing in the page that a strict policy refuses."""

    authentication_classes = []
    content_negotiation_class = DefaultContentNegotiation
    template_name = "api/documentation.html"
    url_name = "schema"
