"""Changing many overrides at once: what was marked, a preview, one confirmation."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from access.actors import Actor
from access.pages import page_context, tell_success
from access.policy import OVERRIDE_PATHS, writable
from access.sites import actor_of, origin_of
from access.typed import hidden_fields, reason_of, typed_in
from events.runs import new_run
from features.admin_views.overriding import ACTIONS, OWNED_BY, chosen_level, filtered, seen_levels
from features.admin_views.previews import (
    LARGEST,
    carry_out,
    look_at,
    preview_context,
)
from features.bulk.plan import plan_rows
from features.bulk.wanted import Action, Interpret, OwnerKey, Row, Wanted
from features.definitions import Definition
from features.kinds import InvalidValue
from tenancy.identifiers import read_key
from tenancy.levels import Level


def bulk_overrides(request: HttpRequest) -> HttpResponse:
    """Show what an action on the marked overrides would do; on confirmation, do it."""
    actor = actor_of(request)
    sent = typed_in(request) or QueryDict()
    query = QueryDict(sent.get("query", ""))
    level = chosen_level(query.get("level", ""), seen_levels(actor))
    back = f"{reverse('admin:overrides')}?{query.urlencode()}"
    action = next((one for one in ACTIONS if one == sent.get("action")), None)
    rows = _marked(sent, actor, level, query)
    if action is None or not rows:
        messages.error(request, _("Mark some overrides and choose what is to be done with them."))
        return redirect(back)
    if len(rows) > LARGEST:
        messages.error(request, _("More than 10,000 at once are for the command features_bulk."))
        return redirect(back)
    text = sent.get("value", "")
    if text.strip() and action is not Action.SET:
        return _ask_again(request, sent, action, back)
    run = new_run("bulk", actor=actor, origin=origin_of(request, reason_of(sent)))
    with plan_rows(rows, _reader_of(action, text)) as plan:
        preview = look_at(plan)
        if summary := carry_out(request, plan, preview, run):
            count = summary.changed
            done = ngettext("%(count)d change made.", "%(count)d changes made.", count)
            tell_success(request, done % {"count": count}, run.pk)
            return redirect(back)
    context = page_context(request, _("Change many overrides"), back=back)
    context |= preview_context(request, preview, sent)
    if preview.faults:
        context |= _form_again(sent, action)
    return TemplateResponse(request, "admin/features/preview.html", context)


def _ask_again(request: HttpRequest, sent: QueryDict, action: Action, back: str) -> HttpResponse:
    """Say that a value was typed which the action does not take, with all that was sent."""
    error = _(
        "A value was typed, but “%(action)s” is chosen. Choose “Set to…”, or empty the value."
    ) % {"action": ACTIONS[action]}
    context = page_context(
        request,
        _("Change many overrides"),
        back=back,
        error=error,
        **_form_again(sent, action),
    )
    return TemplateResponse(request, "admin/features/bulk_again.html", context)


def _form_again(sent: QueryDict, action: Action) -> dict[str, Any]:
    """Return what the page needs to have action and value chosen anew, for the same rows."""
    return {
        "actions": ACTIONS.items(),
        "action": action,
        "typed": sent.get("value", ""),
        "again": hidden_fields(sent, "action", "value", "seen"),
    }


def _marked(sent: QueryDict, actor: Actor, level: Level, query: QueryDict) -> list[Row]:
    """Return a row for each marked override that the actor may change: all, or those ticked."""
    rows = filtered(query, actor, level).filter(writable(actor, level, OVERRIDE_PATHS))
    if sent.get("all") != "yes":
        keys = [key for text in sent.getlist("pick") if (key := read_key(text))]
        rows = rows.filter(pk__in=keys[:LARGEST])
    found = rows.select_related("feature", *OWNED_BY[level]).order_by("pk")[: LARGEST + 1]
    return [
        Row(line, level.label, _key_of(row.owner), row.feature.key, "")
        for line, row in enumerate(found, start=1)
    ]


def _key_of(owner: Any) -> OwnerKey:
    home = owner.instance_or_none
    is_inside = home is not None and home != owner
    return OwnerKey(home.pk if is_inside else None, owner.public_id)


def _reader_of(action: Action, text: str) -> Interpret:
    """Return what turns each row into what is wanted: the same for all of them."""

    def read(definition: Definition, _text: str) -> Wanted:
        if action is not Action.SET:
            return Wanted(action)
        if not text.strip():
            raise InvalidValue(("", _("needs a value")))
        return Wanted(action, definition.kind.parse_text(text))

    return read
