"""The page of a feature: its definition, where it is set, how that came about."""

from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from access.pages import page_context
from access.permissions import Action, Permission, Resource
from access.policy import allows, visible_events
from access.sites import actor_of
from events.models import Event
from features.admin_views.charts import count_levels, count_weeks
from features.models import Feature
from tenancy.levels import OWNED_LEVELS, Level
from tenancy.models import System

LAST_CHANGES = 10
WRITE_DEFINITIONS = Permission(Resource.DEFINITIONS, Action.WRITE)


def find_feature_or_404(key: int) -> Feature:
    """Return the definition of an address; everybody sees them all."""
    feature = Feature.objects.filter(pk=key).first()
    if feature is None:
        raise Http404
    return feature


def feature_page(request: HttpRequest, feature: Feature) -> HttpResponse:
    """Show a definition with the counts that the actor may know."""
    actor = actor_of(request)
    events = (
        Event.objects.filter(visible_events(actor), subject=feature.key)
        .select_related("stream")
        .order_by("-pk")[:LAST_CHANGES]
    )
    weeks = count_weeks(feature, actor)
    context = page_context(
        request,
        feature.name,
        feature=feature,
        levels=[Level(number) for number in feature.levels],
        bars=count_levels(feature, actor),
        weeks=weeks,
        changes=sum(week.count for week in weeks),
        events=events,
        undoable={level.label for level in OWNED_LEVELS},
        may_define=allows(actor, WRITE_DEFINITIONS, System()),
        write_permission=str(WRITE_DEFINITIONS),
    )
    return TemplateResponse(request, "admin/features/feature.html", context)
