"""What the views of the management API share: lists by key, entity tags, conditions."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.db.models import F, QuerySet
from django.db.models.lookups import Exact, In
from rest_framework.request import Request
from rest_framework.response import Response

from access.policy import require_something
from access.views import ApiViewSet
from api.idempotency import IdempotentMixin
from api.pagination import Ordering, paginate
from api.serializers import StrictSerializer, parse
from events.services import PreconditionFailed
from features.serializers import hash_tag, names_tag, split_tags
from tenancy.identifiers import has_control_characters
from tenancy.levels import Level
from tenancy.lookups import Sought, holds
from tenancy.services import find_owner
from tenancy.spelling import did_you_mean

Filter = Callable[[QuerySet[Any], str], QuerySet[Any]]

MERGED = 20  # keys whose rows are read each for itself; of more, all are collected and sorted
MAX_FILTER = 254  # characters, as many as an email may have
PAGING = ("order", "limit", "cursor")


class ManagementViewSet(IdempotentMixin, ApiViewSet):
    """A view whose answers carry an entity tag over all that they say."""

    def check_permissions(self, request: Request) -> None:
        """Refuse who may nothing at all, where a list would only be empty."""
        super().check_permissions(request)
        require_something(self.actor)

    def answer(self, body: dict[str, Any], status: int = 200) -> Response:
        """Answer a body with its entity tag, or 304 when the caller has it already."""
        tag = hash_tag(body)
        if self.request.method == "GET" and names_tag(
            self.request.headers.get("If-None-Match"), tag
        ):
            return Response(status=304, headers={"ETag": tag})
        return Response(body, status=status, headers={"ETag": tag})


class ResourceViewSet(ManagementViewSet):
    """A list and its members.

    Subclasses say `serializer_class`, by what a list is ordered and filtered (each with an index
    behind it), and which rows the caller sees.
    """

    serializer_class: ClassVar[type[StrictSerializer]]
    orderings: ClassVar[Mapping[str, Ordering]] = {"created": Ordering("pk")}
    filters: ClassVar[Mapping[str, Filter]] = {}
    # By what a list can be ordered that one of these filters narrows: the index that finds the rows
    # has them in no other order. The first that is asked for counts.
    orderings_of: ClassVar[Mapping[str, Mapping[str, Ordering]]] = {}

    @property
    def known_filters(self) -> Mapping[str, Filter]:
        """The filters of the list; a subclass adds those that need to know the caller."""
        return self.filters

    def rows(self) -> QuerySet[Any]:
        """Return what the caller sees, all of it."""
        raise NotImplementedError

    def parts(self) -> Sequence[QuerySet[Any]]:
        """Return what the caller sees in parts, of which each has an index in the list's order."""
        return [self.rows()]

    def list(self, request: Request) -> Response:
        """Return one page. ValidationError for a parameter that the list does not know."""
        parameters = request.query_params.dict()
        refuse_unknown(parameters, [*self.known_filters, *PAGING])

        def narrow(rows: QuerySet[Any]) -> QuerySet[Any]:
            for name, narrow_by in self.known_filters.items():
                if name in parameters:
                    rows = narrow_by(rows, check_filter(name, parameters[name]))
            return rows

        narrowing = [name for name in self.orderings_of if name in parameters]
        orderings = self.orderings_of[narrowing[0]] if narrowing else self.orderings
        page = paginate(self.parts(), orderings, parameters, narrow)
        results = [self.render(row) for row in page.rows]
        return self.answer({"results": results, "next": page.next})

    def is_asked_for(self, *names: str) -> bool:
        """Whether the list is narrowed by one of these filters, whose index then finds its rows."""
        return not self.request.query_params.keys().isdisjoint(names)

    def by_owner(self, column: str, level: Level, *, behind: str = "") -> Filter:
        """Return the filter of a column by an owner of the instance; nothing is of an unknown one.

        The owner is looked up before: with its id in the query, the databases sort. ``behind`` is a
        filter that finds the rows in its place where both are asked for (see `holds`).
        """

        def narrow(rows: QuerySet[Any], public_id: str) -> QuerySet[Any]:
            owner = find_owner(self.instance, level, public_id)
            finds = not self.is_asked_for(behind)
            return rows.filter(holds(column, owner.pk, finds=finds)) if owner else rows.none()

        return narrow

    def render(self, row: Any) -> dict[str, Any]:
        """Return one member's JSON."""
        return self.serializer_class.render(row)

    def render_whole(self, row: Any) -> dict[str, Any]:
        """Return what a member's own address answers, which may be more than a list tells."""
        return self.render(row)

    def parse(self, *, partial: bool = False) -> dict[str, Any]:
        """Return the checked members of the request's body. ValidationError names every fault."""
        members: dict[str, Any] = parse(self.serializer_class, self.body(), partial=partial)
        return members

    def check_if_match(self, row: Any) -> None:
        """Raise PreconditionFailed when If-Match names another state than the row's.

        To be called with the row locked, in the transaction that changes it.
        """
        header = self.request.headers.get("If-Match")
        if header is None or header.strip() == "*":
            return
        if hash_tag(self.render_whole(row)) not in split_tags(header):
            raise PreconditionFailed("it was changed meanwhile: read again, then repeat the change")


def refuse_unknown(parameters: Iterable[str], known: Collection[str]) -> None:
    """Raise ValidationError for the parameters that are not known."""
    unknown = {
        name: f"there is no such parameter{did_you_mean(name, known)}"
        for name in parameters
        if name not in known
    }
    if unknown:
        raise ValidationError(unknown)


def one_of(column: str, names: Iterable[str]) -> Filter:
    """Return the filter of a column that holds one of a few names. ValidationError for others."""
    known = [str(name) for name in names]

    def narrow(rows: QuerySet[Any], text: str) -> QuerySet[Any]:
        if text not in known:
            raise ValidationError({column: f'there is no "{text}"{did_you_mean(text, known)}'})
        return rows.filter(Sought(F(column), text))

    return narrow


def check_filter(name: str, text: str) -> str:
    """Return what a list is to be narrowed by. ValidationError for what no column holds."""
    if not 1 <= len(text) <= MAX_FILTER or has_control_characters(text):
        reason = f"must have 1 to {MAX_FILTER} characters, none of them a control character"
        raise ValidationError({name: reason})
    return text


def holds_each(column: str, keys: Collection[int]) -> list[Exact | In]:
    """Return the conditions of a list's parts, one for each key; of more than MERGED one for all.

    The rows of several keys are in no index in order: all of them would be collected and sorted.
    """
    if len(keys) > MERGED:
        return [holds(column, *keys)]
    return [holds(column, key) for key in sorted(keys)]


def exact(column: str) -> Filter:
    """Return the filter that compares a column with the parameter."""
    return lambda rows, text: rows.filter(**{column: text})


def prefix(column: str) -> Filter:
    """Return the filter of a folded column by how it begins, whatever the case."""
    return lambda rows, text: rows.filter(**{f"{column}__prefix": text.lower()})
