"""Why an owner has a feature's value."""

from django.core.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from access.permissions import Action
from api.references import find_referenced
from api.views.base import ManagementViewSet
from features.explaining import explanation_document
from features.services import explain


class ExplainViewSet(ManagementViewSet):
    """Every level's value for a feature, the winner, the locks, and the sentence."""

    def list(self, request: Request) -> Response:
        """Explain ``feature`` for ``owner``, which is written ``user:ID`` and the like."""
        missing = {
            name: "is required"
            for name in ("owner", "feature")
            if not request.query_params.get(name)
        }
        if missing:
            raise ValidationError(missing)
        # Explaining shows what every level sets, not only the effective value.
        owner = find_referenced(self.caller, request.query_params["owner"], Action.READ)
        explanation = explain(owner, request.query_params["feature"])
        return self.answer(explanation_document(explanation))
