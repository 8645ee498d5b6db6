"""What the pages of histories show of each event: what happened, to what, and where that is."""

from collections.abc import Iterable, Mapping
from typing import Any

from django import template
from django.utils.dateparse import parse_datetime
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from access.permissions import Action
from access.places import Place, find_places
from access.sites import actor_of
from access.telling import NAMED, happened
from access.templatetags.strata import level_badge, moment, value
from access.undoing import is_planned, why_final
from events.models import Event, Stream

register = template.Library()


@register.simple_tag(takes_context=True)
def places_of(context: template.Context, events: Iterable[Event]) -> dict[int, Place]:
    """Return where the histories of events lead whoever looks at the page, by stream."""
    return find_places(actor_of(context["request"]), [event.stream for event in events])


@register.simple_tag(takes_context=True)
def may_change_anything(context: template.Context) -> bool:
    """Whether whoever looks at the page may change something, somewhere."""
    held = actor_of(context["request"]).permissions
    return any(permission.action in {Action.WRITE, Action.DELETE} for permission in held)


@register.simple_tag
def stream_badge(stream: Stream, places: Mapping[int, Place] | None = None) -> SafeString:
    """Return a badge that names what a history is of, and leads there where there is a page."""
    place = (places or {}).get(stream.pk)
    name = place.name if place else stream.owner
    if stream.level:
        badge = level_badge(stream.level, name)
    else:
        kind = _("Definition") if stream.kind == "definition" else _("API client")
        badge = format_html('<span class="badge">{} <b>{}</b></span>', kind, name)
    return format_html('<a class="place" href="{}">{}</a>', place.url, badge) if place else badge


@register.simple_tag
def said(event: Event) -> SafeString:
    """Return what an event says that is about no feature: what is other than before.

    Several things at once, such as those of a new client, stand there each by its name.
    """
    before, after = event.before, event.after
    if isinstance(after, dict) or isinstance(before, dict):
        old = before if isinstance(before, dict) else {}
        new = after if isinstance(after, dict) else {}
        parts = [
            (NAMED.get(name, name), _said_value(name, now))
            for name, now in (new or old).items()
            if (not new or now != old.get(name)) and now not in (None, [], "")
        ]
    elif before is None or after is None:
        parts = [("", value(before if after is None else after))]
    else:
        parts = [("", format_html("{} → {}", value(before), value(after)))]
    if before is None and after is None:
        parts = []
    return format_html('<p class="said">{}</p>', format_html_join("", "<span>{} {}</span>", parts))


def _said_value(name: str, raw: Any) -> SafeString:
    """Return a value as people read it, the times among them, too."""
    time = parse_datetime(raw) if name.startswith("expire") and isinstance(raw, str) else None
    return moment(time) if time and time.tzinfo else value(raw)


@register.filter(name="happened")
def what_happened(event: Event) -> str:
    """Return what an event is, in words."""
    return happened(event)


@register.filter
def is_feature(event: Event) -> bool:
    """Whether an event is about a feature's value."""
    return is_planned(event.type)


@register.filter(name="why_final")
def why_it_is_final(event: Event) -> str:
    """Return why nobody can take an event back; the empty text where one can."""
    return why_final(event)


@register.filter
def state(raw: Any) -> SafeString:
    """Return what is there, or was, of anything but a feature."""
    if raw is None:
        return format_html('<span class="faint">{}</span>', _("not set"))
    return value(raw)
