"""One search box over everything, and the suggestions of the pickers."""

from itertools import islice
from typing import Any
from urllib.parse import urlencode

from django.db.models import Q
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from access.actors import Actor
from access.filters import LONGEST
from access.pages import page_context, page_of
from access.places import Place, Texts
from access.policy import may_see, visible, visible_events
from access.sites import Found, actor_of, strata_site
from events.models import Event
from features.catalogue import keys_named, keys_that_speak_of
from features.models import Feature
from tenancy.identifiers import has_control_characters
from tenancy.levels import Level
from tenancy.models import Instance, Organization, Owner, User

FOUND_OF_EACH = 8


def find_features(text: str, limit: int) -> list[Feature]:
    """Return the features of that name or key, or those that speak of it."""
    speaks = Q(key__icontains=text) | Q(name__icontains=text) | Q(description__icontains=text)
    speaks |= Q(key__in=keys_that_speak_of(text))
    return list(Feature.objects.filter(speaks, archived_at=None)[:limit])


def named_so(text: str) -> Q:
    """Return the filter of the features that are called exactly so, in any language of theirs."""
    return Q(key=text) | Q(name__iexact=text) | Q(key__in=keys_named(text))


def find_instances(actor: Actor, text: str, limit: int) -> list[Instance]:
    """Return the instances that the actor sees whose name, id or domain begins so."""
    folded = text.lower()
    matches = Q(folded_name__prefix=folded) | Q(public_id=text) | Q(domains__domain=folded)
    rows = Instance.objects.filter(visible(actor, Level.INSTANCE), matches)
    return list(rows.distinct()[:limit])


def find_organizations(actor: Actor, text: str, limit: int) -> list[Organization]:
    """Return the organizations that the actor sees whose name or id begins so."""
    matches = Q(folded_name__prefix=text.lower()) | Q(public_id=text)
    rows = Organization.objects.filter(visible(actor, Level.ORGANIZATION), matches)
    return list(rows.select_related("instance").order_by("folded_name")[:limit])


def find_users(actor: Actor, text: str, limit: int) -> list[User]:
    """Return the users that the actor sees whose name, username or email begins so."""
    folded = text.lower()
    users = User.objects.select_related("instance", "organization__instance")
    # Asked one by one: with the policy's filter SQLite would walk an organization for one id.
    named = (user for user in users.filter(public_id=text).iterator() if may_see(actor, user))
    found = {user.pk: user for user in islice(named, limit)}
    rows = users.filter(visible(actor, Level.USER))
    # A query for each column, in its own order: each is read off an index, however many match.
    for column in ("folded_username", "folded_name", "folded_email"):
        begins_so = rows.filter(**{f"{column}__prefix": folded}).order_by(column)
        found |= {user.pk: user for user in begins_so[:limit]}
    return list(found.values())[:limit]


def find_people(actor: Actor, text: str, limit: int) -> list[Owner]:
    """Return the users and organizations that the actor sees whose name begins so."""
    return [*find_users(actor, text, limit), *find_organizations(actor, text, limit)][:limit]


def find_feature_pages(_actor: Actor, texts: set[Texts]) -> dict[Texts, Place]:
    """Return where the histories of definitions lead; everybody sees them all."""
    rows = Feature.objects.filter(key__in=[key for _, key in texts])
    return {
        ("", row.key): Place(row.name, reverse("admin:features_feature_change", args=[row.pk]))
        for row in rows
    }


def search(request: HttpRequest) -> HttpResponse:
    """Show what is found of each kind, and only what the policy shows."""
    actor = actor_of(request)
    text = request.GET.get("q", "").strip()
    groups = [(label, find(actor, text)) for label, find in strata_site().searches.items() if text]
    context = page_context(
        request,
        _("Search"),
        find_text=text,
        groups=[(label, found) for label, found in groups if found],
        limit=FOUND_OF_EACH,
    )
    return TemplateResponse(request, "admin/features/search.html", context)


def search_features(_actor: Actor, text: str) -> list[Found]:
    """Find definitions, by any word of theirs."""
    return [
        Found(
            feature.shown_name,
            feature.key,
            reverse("admin:features_feature_change", args=[feature.pk]),
        )
        for feature in find_features(text, FOUND_OF_EACH)
    ]


def search_instances(actor: Actor, text: str) -> list[Found]:
    """Find instances."""
    return [_found(owner) for owner in find_instances(actor, text, FOUND_OF_EACH)]


def search_organizations(actor: Actor, text: str) -> list[Found]:
    """Find organizations."""
    return [_found(owner) for owner in find_organizations(actor, text, FOUND_OF_EACH)]


def search_users(actor: Actor, text: str) -> list[Found]:
    """Find people."""
    return [_found(owner) for owner in find_users(actor, text, FOUND_OF_EACH)]


def search_history(actor: Actor, text: str) -> list[Found]:
    """Find the last changes of what is called exactly so: a feature, or somebody's id."""
    features = list(Feature.objects.filter(named_so(text)).values_list("key", flat=True))
    matches = Q(subject__in=[*features, text])
    events = (
        Event.objects.filter(visible_events(actor), matches)
        .select_related("stream")
        .order_by("-pk")[:FOUND_OF_EACH]
    )
    return [
        Found(
            f"{event.subject}: {event.stream}",
            f"{event.actor_name}, {date_format(event.created_at, 'SHORT_DATETIME_FORMAT')} UTC",
            f"{reverse('admin:history')}?{urlencode({'feature': event.subject})}",
        )
        for event in events
    ]


def _found(owner: Owner) -> Found:
    return Found(str(owner), f"{owner.public_id} · {owner.parent}", page_of(owner))


def suggest(request: HttpRequest) -> JsonResponse:
    """Return what a picker offers for what was typed so far, as JSON."""
    actor = actor_of(request)
    text = request.GET.get("q", "").strip()
    if len(text) > LONGEST or has_control_characters(text):
        text = ""  # nothing is called so
    kinds = request.GET.getlist("kind")
    results: list[dict[str, str]] = []
    if text and "feature" in kinds:
        results += [
            {"reference": feature.key, "label": feature.shown_name}
            for feature in find_features(text, FOUND_OF_EACH)
        ]
    finders: dict[str, Any] = {
        "user": find_users,
        "organization": find_organizations,
        "instance": find_instances,
    }
    for kind, find in finders.items():
        if text and kind in kinds:
            results += [
                {"reference": owner.reference, "label": f"{owner} · {owner.parent}"}
                for owner in find(actor, text, FOUND_OF_EACH)
            ]
    return JsonResponse({"results": results})
