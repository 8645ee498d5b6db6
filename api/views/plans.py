"""Bulk plans: rows of changes, looked at and applied as one."""

from django.core.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from access.permissions import Action, Permission
from access.policy import require
from api.plans import BulkMixin, answer_plan, read_options, read_rows
from api.views.base import ManagementViewSet
from features.bulk.plan import plan_rows
from features.bulk.rows import interpret_json
from tenancy.levels import Level
from tenancy.models import System


class PlanViewSet(BulkMixin, ManagementViewSet):
    """What rows would change; and changing it, as one run."""

    def create(self, request: Request) -> Response:
        """Plan the rows of the body and, without ``dry_run``, apply the plan: all or nothing."""
        body = dict(self.body())
        rows = read_rows(body.pop("rows", None), self.instance)
        options = read_options(body)
        for label in {row.level for row in rows}:
            try:
                level = Level.from_label(label)
            except KeyError:
                raise ValidationError({"rows": f'there is no level "{label}"'}) from None
            owner = System() if level is Level.SYSTEM else self.instance
            require(self.actor, Permission.on_features(level, Action.WRITE), owner)
        with plan_rows(rows, interpret_json) as plan:
            return answer_plan(self, plan, options, kind="bulk")
