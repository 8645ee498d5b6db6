"""The feature grid of an owner: what counts, from where, and a control that inherits."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import uuid4

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from access.actors import Actor
from access.pages import (
    find_owner_or_404,
    owner_context,
    tell_success,
)
from access.permissions import Action, Permission
from access.policy import require
from access.sites import actor_of, origin_of
from access.typed import hidden_fields, reason_of, take_kept
from events.services import Conflict
from features.admin_views.confirming import Question, question_about
from features.admin_views.rows import (
    Row,
    add_last_events,
    by_stage,
    make_row,
    passes,
    speaks_of,
    value_of,
)
from features.definitions import UnknownFeature, definitions_at
from features.forms import INHERITED, Entry, GridForm, read_grid, state_of
from features.models import Stage
from features.overrides import LineageState, read_lineage
from features.planning import Locked
from features.resolution import locking_level
from features.services import IfMatch, lock_feature, set_features, unlock_feature
from tenancy.levels import Level
from tenancy.models import Owner

ROWS_A_PAGE = 50
TAKES = ("q", "show", "stage", "page")
ATTEMPTS = 3
STAGES = {stage: position for position, stage in enumerate(Stage)}
FILTERS = ("here", "inherited", "locked", "differs")


def owner_features(request: HttpRequest, level: str, key: int) -> HttpResponse:
    """Show and change the features of an owner."""
    actor = actor_of(request)
    owner = find_owner_or_404(actor, level, key)
    if request.method != "POST":
        kept = take_kept(request)
        if kept is not None:
            return _show_kept(request, actor, owner, kept)
        return _show(request, actor, owner)
    require(actor, Permission.on_features(owner.level, Action.WRITE), owner)
    for verb, act in (("lock", lock_feature), ("unlock", unlock_feature)):
        if name := request.POST.get(verb):
            return _lock(request, owner, name, verb, act)
    return _save(request, actor, owner)


def system_features(request: HttpRequest) -> HttpResponse:
    """Lead to the grid of the system, which has one address only."""
    return redirect("admin:owner_features", Level.SYSTEM.label, 1)


def _show_kept(request: HttpRequest, actor: Actor, owner: Owner, posted: QueryDict) -> HttpResponse:
    """Show what somebody typed before their session ended; nothing of it is saved yet."""
    state = read_lineage(owner)
    form = read_grid(posted, definitions_at(state.revision))
    return _show(request, actor, owner, form, state=state)


def _lock(request: HttpRequest, owner: Owner, name: str, verb: str, act: Any) -> HttpResponse:
    """Lock or unlock one override."""
    run = uuid4()
    try:
        act(
            owner,
            name,
            actor=actor_of(request),
            origin=origin_of(request, reason_of(request.POST), run),
        )
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    except (Locked, UnknownFeature) as error:
        messages.error(request, str(error))
    else:
        text = _("Locked: the levels below cannot change it.")
        if verb == "unlock":
            text = _("Unlocked: the levels below may change it.")
        tell_success(request, text, run)
    return redirect(request.get_full_path())


def _save(request: HttpRequest, actor: Actor, owner: Owner) -> HttpResponse:
    """Write the changed rows. Looks again when somebody else wrote in between."""
    form = None
    for _attempt in range(ATTEMPTS):
        state = read_lineage(owner)
        form = read_grid(request.POST, definitions_at(state.revision))
        changed = [entry for entry in form.changed if not _holds_already(entry, owner, state)]
        conflicts = {
            entry.definition.id
            for entry in changed
            if not entry.error and _current(entry, owner, state) != entry.was
        }
        _refuse_locked(changed, owner, state)
        if not form.is_valid or conflicts:
            return _show(request, actor, owner, form, conflicts, state)
        if not changed:
            messages.info(request, _("Nothing was changed."))
            return redirect(request.get_full_path())
        question = _question(owner, changed)
        if question and not question.is_answered(request):
            return _ask(request, actor, owner, form, changed, state, question)
        run = uuid4()
        try:
            set_features(
                owner,
                {entry.definition.key: entry.value for entry in changed},
                actor=actor,
                origin=origin_of(request, form.reason, run=run),
                if_match=IfMatch(frozenset({state.position.sequence})),
            )
        except (Conflict, Locked):
            owner = find_owner_or_404(actor, owner.level.label, owner.pk)
            continue
        text = ngettext("%(count)d feature saved.", "%(count)d features saved.", len(changed))
        tell_success(request, text % {"count": len(changed)}, run)
        return redirect(request.get_full_path())
    messages.error(request, _("Others are changing this at the same time. Look, then save again."))
    return _show(request, actor, owner, form)


def _current(entry: Entry, owner: Owner, state: LineageState) -> str:
    return state_of(state.of_feature(entry.definition.id).get(owner.level))


def _holds_already(entry: Entry, owner: Owner, state: LineageState) -> bool:
    """Whether the row asks for what is there: a form that was sent twice changes nothing."""
    return not entry.error and entry.state == _current(entry, owner, state)


def _refuse_locked(changed: Iterable[Entry], owner: Owner, state: LineageState) -> None:
    """Give each changed row that may not be set here its reason."""
    for entry in changed:
        definition = entry.definition
        if entry.error or entry.state == INHERITED:
            continue
        lock = locking_level(definition.rules, state.of_feature(definition.id), owner.level)
        if lock:
            entry.error = _("It is locked at %(level)s level.") % {"level": _(lock.label)}
        elif not definition.may_be_set_at(owner.level):
            level = _(owner.level.label)
            entry.error = _("It may not be set at %(level)s level.") % {"level": level}
        elif definition.is_retired:
            entry.error = _("It is retired: setting it does nothing.")


def _question(owner: Owner, changed: Sequence[Entry]) -> Question | None:
    if owner.level is Level.USER:
        return None
    return question_about(owner, turns_off=any(entry.value is False for entry in changed))


def _ask(
    request: HttpRequest,
    actor: Actor,
    owner: Owner,
    form: GridForm,
    changed: Sequence[Entry],
    state: LineageState,
    question: Question,
) -> HttpResponse:
    """Show what a save would do, and ask."""
    changes = [
        {
            "definition": entry.definition,
            "before": value_of(state.of_feature(entry.definition.id).get(owner.level)),
            "after": None if entry.state == INHERITED else entry.value,
        }
        for entry in changed
    ]
    context = owner_context(request, actor, owner, "features") | {
        "changes": changes,
        "hidden": hidden_fields(request.POST),
        "question": question,
        "reason": form.reason,
        "was_wrong": "confirm" in request.POST,
        "cancel": request.get_full_path(),
    }
    return TemplateResponse(request, "admin/features/confirm.html", context)


def _show(
    request: HttpRequest,
    actor: Actor,
    owner: Owner,
    form: GridForm | None = None,
    conflicts: Iterable[int] = (),
    state: LineageState | None = None,
) -> HttpResponse:
    """Show the grid, with what was posted in it when it could not be saved."""
    state = state or read_lineage(owner)
    text = request.GET.get("q", "").strip()
    chosen = request.GET.get("show", "")
    stage = request.GET.get("stage", "")
    found = [
        definition
        for definition in definitions_at(state.revision).ordered
        if definition.matters_at(owner.level)
        and (not stage or definition.stage == stage)
        and speaks_of(definition, text.lower())
        and (not chosen or passes(make_row(definition, owner, state), chosen))
    ]
    found.sort(key=lambda definition: STAGES[definition.stage])
    if form:
        # What could not be saved must be on the page, wherever the page was.
        found = [definition for definition in found if definition.id in form.entries] or found
    page = Paginator(found, max(ROWS_A_PAGE, len(found)) if form else ROWS_A_PAGE).get_page(
        request.GET.get("page")
    )
    # Only what is shown is resolved: there may be thousands of features.
    shown = [make_row(definition, owner, state) for definition in page.object_list]
    add_last_events(actor, owner, shown)
    if form:
        _add_posted(shown, form, set(conflicts))
    context = owner_context(request, actor, owner, "features") | {
        "page": page,
        "groups": list(by_stage(shown)),
        "sequence": state.position.sequence,
        "form": form,
        "has_conflicts": bool(conflicts),
        "text": text,
        "chosen": chosen,
        "stage": stage,
        "stages": Stage,
        "filters": _filters(),
        "overridden": sum(owner.level in levels for levels in state.overrides.values()),
    }
    return TemplateResponse(request, "admin/features/grid.html", context)


def _filters() -> list[tuple[str, str]]:
    names = (_("Set here"), _("Inherited"), _("Locked"), _("Differs from above"))
    return list(zip(FILTERS, names, strict=True))


def _add_posted(rows: Iterable[Row], form: GridForm, conflicts: set[int]) -> None:
    for row in rows:
        entry = form.entries.get(row.definition.id)
        # An untouched row shows what is stored now: else it would look like a change of ours.
        row.entry = entry if entry and entry.is_changed else None
        if row.definition.id in conflicts:
            row.has_conflict = True
