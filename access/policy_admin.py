"""What every list of the admin shares.

The stock admin saves models directly. Ours never does: what a page changes goes through a service,
and everything else is read-only.
"""

from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn, cast

from django.contrib import admin, messages
from django.contrib.admin.views.main import ERROR_FLAG, ORDER_VAR, PAGE_VAR, SEARCH_VAR
from django.core.paginator import Paginator
from django.db.models import Model, Q, QuerySet
from django.forms import Media
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext

from access.actors import Actor
from access.filters import usable_query
from access.policy import NOTHING
from access.sites import actor_of

if TYPE_CHECKING:
    StockAdmin = admin.ModelAdmin[Any]
else:
    StockAdmin = admin.ModelAdmin

ROWS_COUNTED = 1000


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """Pages of the first thousand rows. Whoever wants others searches: nobody leafs that far.

    It never counts further, so that a list opens as fast with a million rows.
    """

    @cached_property
    def count(self) -> int:
        """The number of rows, 1,000 at most."""
        rows = cast("QuerySet[Any]", self.object_list)
        return rows[:ROWS_COUNTED].count()


class PolicyAdmin(StockAdmin):
    """A read-only model admin that shows what the policy shows, and 404 for everything else.

    Subclasses say `scope`, the filter of the rows that an actor sees, and `shows`, the same for one
    object. One that changes something says so in `has_add_permission` or `has_change_permission`
    and calls a service in `save_model`.
    """

    actions = None
    list_per_page = 50
    list_max_show_all = 0
    show_full_result_count = False
    paginator = BoundedPaginator
    view_on_site = False

    def scope(self, actor: Actor) -> Q:
        """Return the filter of the rows that the actor sees."""
        raise NotImplementedError

    def shows(self, actor: Actor, obj: Any) -> bool:
        """Whether the actor sees the object."""
        raise NotImplementedError

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).filter(self.scope(actor_of(request)))

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Show the list, and say what of its address does not fit; Django itself says nothing."""
        request.GET = usable_query(request, self._parameters(request))  # type: ignore[assignment]
        if ERROR_FLAG in request.GET:
            text = gettext("A part of that address does not fit the list: all of it is shown.")
            messages.warning(request, text)
        return super().changelist_view(request, extra_context)

    def _parameters(self, request: HttpRequest) -> list[str]:
        names = [str(name) for name in self.get_list_filter(request)]
        lookups = ("", "__exact", "__in", "__isnull")
        filters = [f"{name}{lookup}" for name in names for lookup in lookups]
        return [SEARCH_VAR, PAGE_VAR, ORDER_VAR, ERROR_FLAG, *filters]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find by how folded columns begin, by exact ids, and by words in the few others.

        One query for each column finds the keys, as each has an index; a query with all of them
        would read the whole table.
        """
        text = search_term.strip()
        if not text:
            return queryset, False
        keys: set[int] = set()
        for name in self.get_search_fields(request):
            condition = self._matches(name, text)
            found = queryset.filter(condition).order_by().values_list("pk", flat=True)
            keys.update(found[:ROWS_COUNTED])
        return queryset.filter(pk__in=sorted(keys)[:ROWS_COUNTED]), False

    @staticmethod
    def _matches(name: str, text: str) -> Q:
        if name.rpartition("__")[2].startswith("folded_"):
            return Q(**{f"{name}__prefix": text.lower()})
        if name.endswith(("_id", "domain", "prefix")):
            return Q(**{f"{name}__iexact": text}) if name.endswith("domain") else Q(**{name: text})
        return Q(**{f"{name}__icontains": text})

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        """Return the object; 404 for one that the actor does not see, as for none."""
        obj = super().get_object(request, object_id, from_field)
        if obj is None:
            raise Http404
        return obj

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Whether the actor could see any row at all, so that the navigation names the list."""
        return self.scope(actor_of(request)) != NOTHING

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return obj is None or self.shows(actor_of(request), obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        """Show nothing: the history is in the events, not in Django's log."""
        raise Http404

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        raise NotImplementedError("the admin writes through services")

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Save nothing: the service has written all of it."""

    def delete_model(self, request: HttpRequest, obj: Any) -> NoReturn:
        raise NotImplementedError("the admin writes through services")

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> NoReturn:
        raise NotImplementedError("the admin writes through services")

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Log nothing: the service has recorded it."""

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Log nothing: the service has recorded it."""

    @property
    def media(self) -> Media:
        """No script of the stock admin's."""
        return Media()
