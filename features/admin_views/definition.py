"""The page of a feature: its definition, where it is set, how that came about."""

from collections.abc import Callable
from uuid import uuid4

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from access.admin_views import add_errors
from access.pages import page_context, tell_saved
from access.permissions import Action, Permission, Resource
from access.policy import allows, require, visible_events
from access.sites import actor_of, origin_of
from access.typed import reason_of, typed_in
from events.models import Event
from features.admin_views.charts import count_levels, count_weeks
from features.defining import (
    archive_feature,
    define_feature,
    disable_feature,
    edit_feature,
    enable_feature,
    restore_feature,
)
from features.definition_forms import (
    DefinitionForm,
    ExpiryForm,
    NewDefinitionForm,
    initial_of,
)
from features.models import Feature
from tenancy.levels import Level
from tenancy.models import System

LAST_CHANGES = 10
WRITE_DEFINITIONS = Permission(Resource.DEFINITIONS, Action.WRITE)


def find_feature_or_404(key: int) -> Feature:
    """Return the definition of an address; everybody sees them all."""
    feature = Feature.objects.filter(pk=key).first()
    if feature is None:
        raise Http404
    return feature


def define(request: HttpRequest) -> HttpResponse:
    """Ask for a new feature, and define it."""
    actor = actor_of(request)
    require(actor, WRITE_DEFINITIONS, System())
    form = NewDefinitionForm(typed_in(request))
    if request.method == "POST" and form.is_valid():
        fields = dict(form.cleaned_data)
        key = fields.pop("key")
        try:
            feature = define_feature(key, actor=actor, origin=origin_of(request), **fields)
        except ValidationError as error:
            add_errors(form, error)
        else:
            messages.success(request, _("The feature is defined."))
            return redirect("admin:features_feature_change", feature.pk)
    context = page_context(request, _("New feature"), form=form)
    return TemplateResponse(request, "admin/features/definition_form.html", context)


def edit(request: HttpRequest, key: int) -> HttpResponse:
    """Change a definition: of a built-in one only what does not come with the code."""
    actor = actor_of(request)
    require(actor, WRITE_DEFINITIONS, System())
    feature = find_feature_or_404(key)
    form_of_kind = ExpiryForm if feature.builtin else DefinitionForm
    form = form_of_kind(typed_in(request), initial=initial_of(feature))
    if request.method == "POST" and form.is_valid():
        changes = {name: form.cleaned_data[name] for name in form.changed_data}
        run = uuid4()
        try:
            edit_feature(feature.key, changes, actor=actor, origin=origin_of(request, run=run))
        except ValidationError as error:
            add_errors(form, error)
        else:
            tell_saved(request, _("Saved."), run)
            return redirect("admin:features_feature_change", feature.pk)
    context = page_context(request, feature.shown_name, form=form, feature=feature)
    return TemplateResponse(request, "admin/features/definition_form.html", context)


def switch(request: HttpRequest, key: int) -> HttpResponse:
    """Disable, enable, archive or restore a feature, once that is confirmed."""
    actor = actor_of(request)
    require(actor, WRITE_DEFINITIONS, System())
    feature = find_feature_or_404(key)
    sent = typed_in(request, *(verb for verb in SWITCHES if SWITCHES[verb][1])) or QueryDict()
    verb = sent.get("do", "")
    if verb not in SWITCHES:
        return redirect("admin:features_feature_change", feature.pk)
    act, is_dangerous = SWITCHES[verb]
    word = Level.SYSTEM.label
    if is_dangerous and request.POST.get("confirm", "").strip().lower() != word:
        context = page_context(
            request,
            feature.shown_name,
            feature=feature,
            verb=verb,
            word=word,
            was_wrong="confirm" in request.POST,
            reason=sent.get("reason", ""),
        )
        return TemplateResponse(request, "admin/features/switch.html", context)
    run = uuid4()
    try:
        act(feature.key, actor=actor, origin=origin_of(request, reason_of(request.POST), run))
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    else:
        tell_saved(request, _("Saved."), run)
    return redirect("admin:features_feature_change", feature.pk)


SWITCHES: dict[str, tuple[Callable[..., Feature], bool]] = {
    "disable": (disable_feature, True),
    "enable": (enable_feature, False),
    "archive": (archive_feature, True),
    "restore": (restore_feature, False),
}


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
        feature.shown_name,
        feature=feature,
        levels=[Level(number) for number in feature.levels],
        bars=count_levels(feature, actor),
        weeks=weeks,
        changes=sum(week.count for week in weeks),
        events=events,
        may_define=allows(actor, WRITE_DEFINITIONS, System()),
        write_permission=str(WRITE_DEFINITIONS),
    )
    return TemplateResponse(request, "admin/features/feature.html", context)
