"""Why an owner has a feature's value."""

from django.core.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from access.owners import find_permitted_owner
from access.permissions import Action
from api.views.base import ResourceViewSet
from features.explaining import explanation_document
from features.services import explain
from tenancy.levels import Level


class ExplainViewSet(ResourceViewSet):
    """Every level's value for a feature, the winner, the locks, and the sentence."""

    def list(self, request: Request) -> Response:
        """Explain ``feature`` for ``owner``, which is written ``user:ID`` and the like."""
        reference = request.query_params.get("owner", "")
        label, _, public_id = reference.partition(":")
        missing = {
            name: "is required"
            for name in ("owner", "feature")
            if not request.query_params.get(name)
        }
        if missing:
            raise ValidationError(missing)
        try:
            level = Level.from_label(label)
        except KeyError:
            raise ValidationError(
                {"owner": "write system, instance, organization:ID or user:ID"}
            ) from None
        # Explaining shows what every level sets, not only the effective value.
        owner = find_permitted_owner(self.caller, Action.READ, level, public_id)
        explanation = explain(owner, request.query_params["feature"])
        return self.answer(explanation_document(explanation))
