"""Why a feature has its value for somebody: every level, the winner, the sentence."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from access.actors import Actor
from access.pages import (
    find_owner_or_404,
    owner_context,
    page_context,
    page_of,
)
from access.policy import may_see, visible_events
from access.sites import actor_of
from events.models import Event
from events.services import StreamKey
from features.admin_views.definition import find_feature_or_404
from features.admin_views.finding import find_features, find_people
from features.explaining import explanation_sentence
from features.services import explain as explain_feature
from tenancy.references import BadReference, find_by_reference


def explain(request: HttpRequest, level: str, key: int, feature: int) -> HttpResponse:
    """Show every level's value of one feature for one owner, and the winner."""
    actor = actor_of(request)
    owner = find_owner_or_404(actor, level, key)
    row = find_feature_or_404(feature)
    context = owner_context(request, actor, owner, "explain") | {"feature": row}
    if row.archived_at:
        return TemplateResponse(request, "admin/features/explain.html", context)
    explanation = explain_feature(owner, row.key)
    context |= {
        "explanation": explanation,
        "sentence": explanation_sentence(explanation),
        "levels": [
            {
                "says": said,
                "url": page_of(said.owner) if said.owner and may_see(actor, said.owner) else "",
                "is_locked": bool(said.override and said.override.locked),
                "counts": said.level in explanation.definition.rules.levels or not said.owner,
            }
            for said in explanation.levels
        ],
        "last": _last_event(actor, explanation),
    }
    return TemplateResponse(request, "admin/features/explain.html", context)


def pick(request: HttpRequest) -> HttpResponse:
    """Ask for a person or an organization and a feature, and lead to the explanation."""
    actor = actor_of(request)
    who = request.GET.get("owner", "").strip()
    what = request.GET.get("feature", "").strip()
    owners = _meant_owners(actor, who) if who else []
    features = find_features(what, 20) if what else []
    exact = [
        feature for feature in features if what in {feature.key, feature.name, feature.shown_name}
    ]
    features = exact or features
    if len(owners) == 1 and len(features) == 1:
        return redirect(_address(owners[0], features[0]))
    context = page_context(
        request,
        _("Explain a value"),
        who=who,
        what=what,
        owners=owners,
        features=features,
        pairs=[
            (owner, feature, _address(owner, feature)) for owner in owners for feature in features
        ][:40],
    )
    return TemplateResponse(request, "admin/features/explain_pick.html", context)


def _address(owner: Any, feature: Any) -> str:
    return reverse("admin:explain", args=[owner.level.label, owner.pk, feature.pk])


def _meant_owners(actor: Actor, text: str) -> list[Any]:
    """Return the owner of a reference, or everybody whose name begins with the text."""
    try:
        owner = find_by_reference(text)
    except BadReference:
        return find_people(actor, text, 10)
    return [owner] if may_see(actor, owner) else []


def _last_event(actor: Actor, explanation: Any) -> Event | None:
    """Return the last change of the value that counts, if the actor sees it."""
    winner = next(level for level in explanation.levels if level.is_winner)
    if winner.owner is None:
        return None
    key = StreamKey.of(winner.owner)
    return (
        Event.objects.filter(
            visible_events(actor, finds=False),
            stream__kind=key.kind,
            stream__instance=key.instance,
            stream__owner=key.owner,
            subject=explanation.definition.key,
        )
        .order_by("-pk")
        .first()
    )
