"""Bulk plans: made from rows, looked at, applied as they were shown, and followed."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, suppress
from functools import partial
from itertools import islice
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404
from rest_framework.decorators import action
from rest_framework.exceptions import ParseError
from rest_framework.request import Request
from rest_framework.response import Response

from access.permissions import Action, Permission
from access.policy import MissingPermission, granted_keys
from access.reports import Fault
from api.pagination import Ordering, paginate
from api.serializers import StrictSerializer, TextField, WholeNumberField, parse
from api.uploads import CsvParser, JsonLinesParser, JsonlParser, LargeJsonParser, Upload
from api.views.base import ResourceViewSet, refuse_unknown
from features.bulk.exclusive import wait_for_turn
from features.bulk.plan import plan_rows, write_reference
from features.bulk.reach import Reach
from features.bulk.rows import INTERPRETERS, BadInput, read_objects, read_rows
from features.bulk.stored import (
    SHOWN,
    delete_plan,
    read_progress,
    require_levels,
    store_plan,
)
from features.bulk.storedapply import Hand, Moved, Order, apply_plan, note_moved
from features.bulk.wanted import Block, Interpret, Row
from features.models import PlanState, StoredChange, StoredPlan
from features.raw import describe_type
from features.serializers import render_time
from tenancy.levels import OWNED_LEVELS, Level

LARGEST = 1_000_000  # rows
LARGEST_BATCH = 100_000
FLAGS = {"true": True, "false": False}
IN_ORDER = {"row": Ordering("n")}

Items = Iterable[Row | Block | Fault]


class OrderSerializer(StrictSerializer):
    """How a plan is to be applied."""

    reason = TextField(required=False, allow_blank=True, max_length=1000)
    batch_size = WholeNumberField(required=False, min_value=0, max_value=LARGEST_BATCH)


class Busy(Exception):
    """Another bulk run is going on."""


class PlanViewSet(ResourceViewSet):
    """The caller's own plans."""

    parser_classes = [LargeJsonParser, CsvParser, JsonLinesParser, JsonlParser]
    orderings = {
        "-created": Ordering("pk", descending=True),
        "created": Ordering("pk"),
    }
    lookup_value_regex = "[^/]+"
    upload: Upload | None = None
    has_turn = False  # whether this request holds the turn of bulk runs

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse who may set nothing at all before a large body is read."""
        super().initial(request, *args, **kwargs)
        writes = [Permission.on_features(level, Action.WRITE) for level in OWNED_LEVELS]
        if not any(granted_keys(self.actor, write) for write in writes):
            raise MissingPermission(writes[-1])
        if self.action == "apply":
            # Around the transaction of an Idempotency-Key: a turn is never asked for within one.
            handler = request.method.lower()  # type: ignore[union-attr]
            setattr(self, handler, partial(self._take_turn, getattr(self, handler)))

    def handle_exception(self, exc: Exception) -> Response:
        """Have the plan remember why it was refused, outside of the transaction that was."""
        if isinstance(exc, Moved):
            note_moved(exc)
        return super().handle_exception(exc)

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        """Close a file that nobody came to read."""
        self._close_upload()
        return super().finalize_response(request, response, *args, **kwargs)

    def rows(self) -> QuerySet[StoredPlan]:
        """Return the caller's plans."""
        plans = StoredPlan.objects.filter(principal=self.caller.principal)
        return plans.exclude(state=PlanState.PREPARING)

    def render(self, row: StoredPlan) -> dict[str, Any]:
        """Return a plan as a list tells it."""
        return render_plan(row)

    def render_whole(self, row: StoredPlan) -> dict[str, Any]:
        """Return a plan with its problems, which name owners."""
        return {**render_plan(row), "problems": row.problems}

    def create(self, request: Request) -> Response:
        """Plan the rows of the body and keep the plan. Nothing else is written."""
        leave_out = _read_flag(request.query_params, "continue_on_error")
        items, interpret = self._read_items()
        try:
            stored = self._plan(_count(items), interpret, leave_out=leave_out)
        except BadInput as error:
            raise ValidationError({"rows": str(error)}) from None
        finally:
            self._close_upload()
        answer = self._answer(stored, 201)
        answer["Location"] = f"/api/v1/plans/{stored.key}"
        return answer

    def retrieve(self, request: Request, pk: str) -> Response:
        """Return one plan, and how far it has come."""
        return self._answer(self._find(self.rows(), pk))

    def destroy(self, request: Request, pk: str) -> Response:
        """Discard a plan. What it has changed stays."""
        with transaction.atomic():
            plan = self._find(self.rows().select_for_update(), pk)
            self.check_if_match(plan)
            delete_plan(plan)
        return Response(status=204)

    @action(detail=True, methods=["get"])
    def changes(self, request: Request, pk: str) -> Response:
        """Return a page of what the plan changes."""
        plan = self._find(self.rows(), pk)
        parameters = request.query_params.dict()
        refuse_unknown(parameters, ("limit", "cursor"))
        page = paginate([StoredChange.objects.filter(plan=plan)], IN_ORDER, parameters)
        return self.answer({"results": list(map(render_change, page.rows)), "next": page.next})

    @action(detail=True, methods=["post"])
    def apply(self, request: Request, pk: str) -> Response:
        """Apply the plan, or see to it that it is; 202 until it has come to its end."""
        order = Order(**parse(OrderSerializer, self.body()))
        hand = Hand(self.actor, self.origin, self.instance)
        with transaction.atomic():
            plan = self._find(self.rows().select_for_update(), pk)
            self.check_if_match(plan)
            apply_plan(plan, order, hand=hand, at_once=self.has_turn)
        return self._answer(plan, 200 if plan.state == PlanState.APPLIED else 202)

    def body(self) -> dict[str, Any]:
        """Return the request's JSON object. ParseError for a file."""
        if isinstance(self.request.data, Upload):
            raise ParseError("the body must be a JSON object")
        return super().body()

    def _close_upload(self) -> None:
        if self.upload:
            self.upload.file.close()

    def _answer(self, plan: StoredPlan, status: int = 200) -> Response:
        return self.answer(self.render_whole(plan), status)

    def _find(self, plans: QuerySet[StoredPlan], text: str) -> StoredPlan:
        """Return a plan of the caller, if they still may what it is about."""
        plan = None
        with suppress(ValueError):
            plan = plans.filter(key=UUID(text)).first()
        if plan is None:
            raise Http404("plan not found")
        require_levels(self.actor, map(Level.from_label, plan.levels), self.instance)
        return plan

    def _read_items(self) -> tuple[Items, Interpret]:
        """Return the rows of the body, as yet unread, and what reads their values."""
        body: Any = self.request.data
        if isinstance(body, Upload):
            stream: Any = body.file
            return read_rows(stream, body.format_name), INTERPRETERS[body.format_name]
        unknown = {name: "there is no such field" for name in body if name != "rows"}
        rows = body.get("rows")
        if not isinstance(rows, list):
            unknown["rows"] = (
                f"must be a list, not {describe_type(rows)}" if rows else "is required"
            )
        if unknown:
            raise ValidationError(unknown)
        return read_objects(rows), INTERPRETERS["jsonl"]

    def _plan(self, items: Items, interpret: Interpret, *, leave_out: bool) -> StoredPlan:
        reach = Reach(self.actor)
        with plan_rows(items, interpret, within=self.instance, reach=reach) as plan:
            require_levels(self.actor, sorted(plan.staging.levels), self.instance)
            plan.compute()
            if not leave_out and (number := plan.count_faults()):
                raise ValidationError(_name_faults(plan.faults(), number))
            return store_plan(plan, principal=self.caller.principal, actor=self.actor)

    def _take_turn(
        self, handler: Callable[..., Response], request: Request, *args: Any, **kwargs: Any
    ) -> Response:
        """Handle the request holding the turn of bulk runs, if nobody else has it."""
        with ExitStack() as turn:
            try:
                turn.enter_context(wait_for_turn(_refuse_to_wait))
                self.has_turn = True
            except Busy:
                pass
            return handler(request, *args, **kwargs)


def render_plan(plan: StoredPlan) -> dict[str, Any]:
    """Return a plan as JSON tells it, without its problems."""
    progress = read_progress(plan)
    return {
        "id": str(plan.key),
        "state": progress.state,
        "summary": {
            "changed": plan.changed,
            "unchanged": plan.unchanged,
            "errors": plan.errors,
            "owners": plan.owners,
            "levels": plan.levels,
        },
        "progress": {
            "done": progress.done,
            "total": progress.total,
            "left_out": progress.left_out,
        },
        "run": str(plan.run) if plan.run else None,
        "reason": plan.reason,
        "actor": {"type": plan.actor_type, "id": plan.actor_id, "name": plan.actor_name},
        "created": render_time(plan.created_at),
        "expires": render_time(plan.expires_at),
    }


def render_change(change: StoredChange) -> dict[str, Any]:
    """Return a planned change as JSON tells it; null for what is not set."""
    level = Level(change.level)
    return {
        "row": change.line,
        "level": level.label,
        "owner": write_reference(level, change.instance, change.owner),
        "feature": change.feature,
        "before": change.before,
        "after": change.after,
        "locked_before": change.locked_before,
        "locked_after": change.locked_after,
        "reason": change.reason,
    }


def _name_faults(faults: Iterable[Fault], number: int) -> dict[str, list[str]]:
    """Return what is wrong by row, of very many the first ones."""
    named: dict[str, list[str]] = {}
    for fault in islice(faults, SHOWN):
        named.setdefault(f"rows[{fault.line}]", []).append(fault.message)
    if number > SHOWN:
        named["rows"] = [f"{number} errors, of which the first {SHOWN} are named"]
    return named


def _refuse_to_wait(_sentence: str) -> None:
    raise Busy


def _read_flag(parameters: Mapping[str, str], name: str) -> bool:
    """Return the flag among the parameters, the only one there is. ValidationError for others."""
    refuse_unknown(parameters, [name])
    text = parameters.get(name, "false")
    if text not in FLAGS:
        raise ValidationError({name: "must be true or false"})
    return FLAGS[text]


def _count(items: Items) -> Iterator[Row | Block | Fault]:
    """Pass rows on. ValidationError when there are none, or more than LARGEST."""
    number = 0
    for item in items:
        number += len(item.owners) if isinstance(item, Block) else 1
        if number > LARGEST:
            raise ValidationError({"rows": f"at most {LARGEST} rows: make several plans"})
        yield item
    if not number:
        raise ValidationError({"rows": f"must be 1 to {LARGEST} rows"})
