"""What the pages of the admin share: icons, badges, times with their zone."""

import json
from datetime import datetime
from typing import Any

from django import template
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from access.permissions import Role
from access.role_texts import ROLE_SAYS
from tenancy.levels import Level
from tenancy.models import Owner

register = template.Library()

# Outlines on a grid of 24.
ICONS = {
    "overview": "M4 4h7v7H4zM13 4h7v4h-7zM13 11h7v9h-7zM4 14h7v6H4z",
    "attention": "M12 4l9 16H3zM12 10v4M12 17h.01",
    "feature": "M5 7h14M5 12h14M5 17h9M19 17h.01",
    "override": "M12 3l9 4.5-9 4.5-9-4.5zM3 12l9 4.5 9-4.5M3 16.5L12 21l9-4.5",
    "history": "M12 7v5l3.5 2M4 12a8 8 0 1 0 2.5-5.8L4 8.5M4 4v4.5h4.5",
    "explain": (
        "M9.2 9a3 3 0 1 1 4.3 2.7c-.9.5-1.5 1.2-1.5 2.3M12 17.5h.01"
        "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18"
    ),
    "system": "M4 5h16v6H4zM4 13h16v6H4zM8 8h.01M8 16h.01",
    "instance": (
        "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM3 12h18"
        "M12 3c3 3 3.5 6 3.5 9s-.5 6-3.5 9c-3-3-3.5-6-3.5-9S9 6 12 3"
    ),
    "organization": "M4 20V6l7-3v17M11 9h9v11M4 20h17M7 9h.01M7 13h.01M15 13h.01M15 16.5h.01",
    "user": "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.5 20.5c.8-4 4-6 7.5-6s6.7 2 7.5 6",
    "role": "M12 3l7 3v5c0 4.5-3 8-7 10-4-2-7-5.5-7-10V6z",
    "client": "M8 4v4M16 4v4M6 8h12v4a6 6 0 0 1-12 0zM12 18v3",
    "token": "M14.5 10.5a4.5 4.5 0 1 0-4 4l1.5-1.5h2v-2h2l4 4v-3.5zM8 9h.01",
    "security": "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3M12 15v2",
    "lock": "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3",
}


@register.simple_tag
def icon(name: str) -> SafeString:
    """Return a decorative icon."""
    return format_html(
        '<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">'
        '<path d="{}"/></svg>',
        ICONS[name],
    )


@register.filter("level_label")
def level_name(level: Level) -> str:
    """Return what people call a level."""
    return {
        Level.DEFAULT: pgettext("level", "Default"),
        Level.SYSTEM: pgettext("level", "System"),
        Level.INSTANCE: pgettext("level", "Instance"),
        Level.ORGANIZATION: pgettext("level", "Organization"),
        Level.USER: pgettext("level", "User"),
    }[level]


@register.simple_tag
def level_badge(level: Level | str, name: object = "") -> SafeString:
    """Return a badge that names a level, and whose it is."""
    known = level if isinstance(level, Level) else Level.from_label(level)
    text = level_name(known)
    return format_html(
        '<span class="badge level-{}">{}{}</span>',
        known.label,
        text,
        format_html(" <b>{}</b>", name) if name and known > Level.SYSTEM else "",
    )


@register.filter
def owner_name(owner: Owner) -> str:
    """Return what people call an owner: its name, and the system by its level's."""
    return level_name(owner.level) if owner.level is Level.SYSTEM else str(owner)


@register.filter
def role_says(role: str) -> str:
    """Return what a role may do, in a sentence."""
    return str(ROLE_SAYS[Role(role)])


@register.filter
def moment(time: datetime | None, *, short: bool = False) -> SafeString:
    """Return a time with its zone, readable for programs, too."""
    if time is None:
        return format_html('<span class="faint">{}</span>', _("never"))
    local = timezone.localtime(time)
    text = date_format(local, pgettext("date", "j M Y, H:i"))
    exact = date_format(local, pgettext("date", "j F Y, H:i:s"))
    zone = "" if short else f" {local:%Z}"
    return format_html(
        '<time datetime="{}" title="{}">{}{}</time>',
        local.isoformat(timespec="seconds"),
        f"{exact} {local:%Z}",
        text,
        zone,
    )


@register.filter
def value(raw: Any) -> SafeString:
    """Return a feature's value as people read it: On and Off, code for the rest."""
    if raw is None:
        return format_html('<span class="value inherits">{}</span>', _("inherits"))
    if isinstance(raw, bool):
        return format_html(
            '<span class="value {}">{}</span>',
            "on" if raw else "off",
            pgettext("value", "On") if raw else pgettext("value", "Off"),
        )
    if isinstance(raw, list) and all(isinstance(part, str) for part in raw):
        parts = format_html_join(" ", '<code class="value">{}</code>', ((part,) for part in raw))
        return parts or format_html('<span class="value none">{}</span>', pgettext("list", "none"))
    text = raw if isinstance(raw, str) else json.dumps(raw, ensure_ascii=False)
    return format_html('<code class="value">{}</code>', text or "“”")


@register.simple_tag(takes_context=True)
def with_query(context: template.Context, **changes: Any) -> str:
    """Return the address of this page with some of its query changed; None takes one out."""
    query = context["request"].GET.copy()
    for key, wanted in changes.items():
        if wanted is None:
            query.pop(key, None)
        else:
            query[key] = wanted
    return f"?{query.urlencode()}"


@register.simple_tag
def override(shown: Any) -> SafeString:
    """Return an override's value with its lock; None inherits."""
    locked = format_html(' <span class="badge locked">{}</span>', _("locked"))
    return format_html(
        "{}{}", value(shown.value if shown else None), locked if shown and shown.locked else ""
    )


@register.simple_tag
def yes(is_so: bool) -> SafeString:
    """Return a mark for yes, with its word; nothing stands out for no."""
    if is_so:
        return format_html('<span class="value on">{}</span>', _("yes"))
    return format_html('<span class="faint">{}</span>', _("no"))


@register.filter
def unlocalized(number: float) -> str:
    """Return a number as SVG writes it, in any language."""
    return str(number)
