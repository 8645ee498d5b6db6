"""Letting an owner inherit everything again, after a look at what that changes."""

from uuid import uuid4

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from access.pages import find_owner_or_404, owner_context, page_of, tell_success
from access.permissions import Action, Permission
from access.policy import require
from access.sites import actor_of, origin_of
from access.typed import reason_of, typed_in
from events.services import PreconditionFailed
from features.admin_views.confirming import question_about
from features.definitions import definitions_at
from features.overrides import read_lineage
from features.resolution import resolve
from features.services import IfMatch, reset_features


def owner_reset(request: HttpRequest, level: str, key: int) -> HttpResponse:
    """Show what an owner sets and what it would inherit instead; on confirmation, remove it all."""
    actor = actor_of(request)
    owner = find_owner_or_404(actor, level, key)
    require(actor, Permission.on_features(owner.level, Action.DELETE), owner)
    state = read_lineage(owner)
    changes = []
    for definition in definitions_at(state.revision).ordered:
        overrides = dict(state.of_feature(definition.id))
        if own := overrides.pop(owner.level, None):
            after = resolve(definition.rules, overrides)
            changes.append({"definition": definition, "before": own.value, "after": after.value})
    turns_off = any(change["before"] is True and change["after"] is False for change in changes)
    question = question_about(owner, turns_off=turns_off, always=True)
    sent = typed_in(request) or QueryDict()
    if question and question.is_answered(request):
        run = uuid4()
        try:
            sequence = int(request.POST.get("sequence", ""))
            reset_features(
                owner,
                actor=actor,
                origin=origin_of(request, reason_of(sent), run),
                if_match=IfMatch(frozenset({sequence})),
            )
        except (ValueError, PreconditionFailed):
            messages.error(request, _("Somebody changed this meanwhile. Look again, then confirm."))
            return redirect(request.path)
        count = len(changes)
        text = ngettext(
            "%(count)d feature inherits again.", "%(count)d features inherit again.", count
        )
        tell_success(request, text % {"count": count}, run)
        return redirect(page_of(owner))
    context = owner_context(request, actor, owner, "features") | {
        "changes": changes,
        "hidden": [("sequence", state.position.sequence)],
        "reason": reason_of(sent),
        "question": question,
        "was_wrong": request.method == "POST",
        "is_reset": True,
        "cancel": page_of(owner),
    }
    return TemplateResponse(request, "admin/features/confirm.html", context)
