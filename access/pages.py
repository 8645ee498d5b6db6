"""What the pages of the admin share: the owner of an address, and what stands around a page.

An owner that the policy does not show does not exist: 404.
"""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _

from access.actors import Actor
from access.permissions import Action, Permission
from access.policy import allows, may_see, visible, visible_events
from access.sites import actor_of, strata_site
from access.templatetags.strata import owner_name
from access.undoing import is_final
from events.models import Event
from tenancy.levels import Level
from tenancy.models import Instance, Organization, Owner, System, User

COUNTED = 1000  # rows; more are not counted, so that a page costs the same with a million
ENOUGH = 101  # that many owners make a change a wide one

OWNERS: dict[Level, Any] = {
    Level.SYSTEM: System.objects.all(),
    Level.INSTANCE: Instance.objects.all(),
    Level.ORGANIZATION: Organization.objects.select_related("instance"),
    Level.USER: User.objects.select_related("instance", "organization__instance"),
}


def find_owner_or_404(actor: Actor, label: str, key: int) -> Owner:
    """Return the owner of an address, with its lineage loaded."""
    try:
        level = Level.from_label(label)
    except KeyError:
        raise Http404 from None
    owner: Owner | None = OWNERS[level].filter(visible(actor, level), pk=key).first()
    if owner is None:
        raise Http404
    return owner


def page_of(owner: Owner, name: str = "features") -> str:
    """Return the address of one of an owner's pages."""
    return reverse(f"admin:owner_{name}", args=[owner.level.label, owner.pk])


def may_write(actor: Actor, owner: Owner) -> bool:
    """Whether the actor may set the owner's features."""
    return allows(actor, Permission.on_features(owner.level, Action.WRITE), owner)


def count_below(owner: Owner) -> int:
    """Count the owners that inherit from this one, 101 at most: then it is "many"."""
    below: dict[Level, list[Any]] = {
        Level.SYSTEM: [Instance.objects.all(), Organization.objects.all(), User.objects.all()],
        Level.INSTANCE: [
            Organization.objects.filter(instance=owner.pk),
            User.objects.filter(instance=owner.pk),
        ],
        Level.ORGANIZATION: [User.objects.filter(organization=owner.pk)],
        Level.USER: [],
    }
    return sum(rows.order_by()[:ENOUGH].count() for rows in below[owner.level])


def shown_count(count: int) -> str:
    """Return a count of ``COUNTED`` rows at most as people read it."""
    return f"{COUNTED:,}+" if count >= COUNTED else str(count)


def tell_success(request: HttpRequest, text: str, run: Any) -> None:
    """Say that it is done, with the way back."""
    address = reverse("admin:undo_run", args=[run])
    messages.success(request, format_html('{} <a href="{}">{}</a>', text, address, _("Undo")))


def tell_saved(request: HttpRequest, text: str, run: Any) -> None:
    """Say that it is done; with the way back, where the actor sees a change that has one.

    A run of no events has changed nothing, and that is said instead.
    """
    written = Event.objects.filter(run=run).order_by()
    events = written.filter(visible_events(actor_of(request)))
    if not written.exists():
        messages.info(request, _("Nothing was changed."))
    elif all(map(is_final, events.values_list("type", flat=True).distinct())):
        messages.success(request, text)
    else:
        tell_success(request, text, run)


def page_context(request: HttpRequest, title: str, **more: Any) -> dict[str, Any]:
    """Return what every page of the admin needs, and more."""
    return {**strata_site().each_context(request), "title": title, **more}


def owner_context(request: HttpRequest, actor: Actor, owner: Owner, tab: str) -> dict[str, Any]:
    """Return what every page of an owner needs: its name, its place and its tabs."""
    above = [
        {"owner": one, "url": page_of(one) if may_see(actor, one) else ""}
        for one in reversed(owner.lineage()[1:])
    ]
    return page_context(
        request,
        owner_name(owner),
        owner=owner,
        above=above,
        tab=tab,
        owner_tabs=strata_site().tabs_of(actor, owner),
        may_write=may_write(actor, owner),
        write_permission=str(Permission.on_features(owner.level, Action.WRITE)),
    )
