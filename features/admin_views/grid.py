"""The feature grid of an owner: what counts, from where, and a control that inherits."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import Max, Q
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from access.actors import Actor
from access.pages import (
    find_owner_or_404,
    owner_context,
)
from access.permissions import Action, Permission
from access.policy import require, visible_events
from access.sites import actor_of, keep_typed, origin_of, take_kept
from events.models import Event
from events.services import PreconditionFailed, StreamKey
from features.admin_views.confirming import Question, question_about
from features.admin_views.history import tell_success
from features.definitions import Definition, definitions_at
from features.forms import INHERITED, Entry, GridForm, read_grid, state_of
from features.kinds import Boolean, Choice, ChoiceSet, Integer, Number, Object, String
from features.models import Stage
from features.overrides import LineageState, StoredOverride, read_lineage
from features.planning import Locked
from features.resolution import Effective, Override, locking_level, resolve
from features.services import IfMatch, lock_feature, set_features, unlock_feature
from tenancy.levels import Level
from tenancy.models import Owner

ROWS_A_PAGE = 50
ATTEMPTS = 3
FILTERS = ("here", "inherited", "locked", "differs")


@dataclass
class Row:
    """A feature as the grid shows it."""

    definition: Definition
    effective: Effective
    source_owner: Owner | None
    own: StoredOverride | None
    inherited: Effective
    inherited_owner: Owner | None
    locked_above: Level | None
    is_settable: bool
    changed_at: datetime | None = None
    last: Event | None = None
    entry: Entry | None = None
    has_conflict: bool = False

    @property
    def state(self) -> str:
        """What the owner sets, as the hidden field holds it."""
        return state_of(self.own)

    @property
    def choice(self) -> str:
        """The choice that is marked: what was posted, else what is stored."""
        if self.entry:
            return self.entry.choice
        if self.own is None:
            return INHERITED
        if self.is_boolean:
            return "on" if self.own.value else "off"
        return "set"

    @property
    def own_value(self) -> Any:
        """What is set here; None inherits."""
        return _value_of(self.own)

    @property
    def field(self) -> str:
        """What ends the names of the row's fields."""
        return str(self.definition.id)

    @property
    def is_boolean(self) -> bool:
        return isinstance(self.definition.kind, Boolean)

    @property
    def typed(self) -> str:
        """The text of the value's input: what was posted, else what is stored."""
        if self.entry:
            return self.entry.typed
        if self.own is None:
            return ""
        value = self.own.value
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

    @property
    def picked(self) -> list[str]:
        """The marked boxes of a set of choices."""
        if self.entry:
            return self.entry.picked
        return list(self.own.value) if self.own else []

    @property
    def control(self) -> str:
        """Which control edits the value."""
        match self.definition.kind:
            case Boolean():
                return "boolean"
            case Choice():
                return "choice"
            case ChoiceSet():
                return "choices"
            case Integer() | Number():
                return "number"
            case String(max_length=length) if length <= 200:
                return "line"
            case String() | Object():
                return "text"
        return "text"

    @property
    def placeholder(self) -> str:
        value = self.inherited.value
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@keep_typed
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
    messages.warning(
        request,
        _("Your session had ended. What you typed is here, and not saved yet: look, then save."),
    )
    return _show(request, actor, owner, form, state=state)


def _lock(request: HttpRequest, owner: Owner, name: str, verb: str, act: Any) -> HttpResponse:
    """Lock or unlock one override."""
    run = uuid4()
    reason = request.POST.get("reason", "").strip()
    try:
        act(owner, name, actor=actor_of(request), origin=origin_of(request, reason, run=run))
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
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
        except (PreconditionFailed, Locked):
            continue
        text = ngettext("%(count)d feature saved.", "%(count)d features saved.", len(changed))
        tell_success(request, text % {"count": len(changed)}, run)
        return redirect(request.get_full_path())
    messages.error(request, _("Others are changing this at the same time. Look, then save again."))
    return _show(request, actor, owner, form)


def _value_of(override: Override | None) -> Any:
    return override.value if override else None


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
            entry.error = _("It is locked at %(level)s level.") % {"level": lock.label}
        elif not definition.may_be_set_at(owner.level):
            entry.error = _("It may not be set at %(level)s level.") % {"level": owner.level.label}
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
            "before": _value_of(state.of_feature(entry.definition.id).get(owner.level)),
            "after": None if entry.state == INHERITED else entry.value,
        }
        for entry in changed
    ]
    hidden = [
        (name, text)
        for name, texts in request.POST.lists()
        if name not in {"csrfmiddlewaretoken", "confirm"}
        for text in texts
    ]
    context = owner_context(request, actor, owner, "features") | {
        "changes": changes,
        "hidden": hidden,
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
    definitions = definitions_at(state.revision).ordered
    text = request.GET.get("q", "").strip()
    chosen = request.GET.get("show", "")
    stage = request.GET.get("stage", "")
    rows = [
        row
        for definition in definitions
        if definition.matters_at(owner.level)
        and (not stage or definition.stage == stage)
        and _speaks_of(definition, text.lower())
        and _passes(row := _make_row(definition, owner, state), chosen)
    ]
    rows.sort(key=lambda row: list(Stage).index(row.definition.stage))
    if form:
        # What could not be saved must be on the page, wherever the page was.
        held = [row for row in rows if row.definition.id in form.entries]
        rows = held or rows
    page = Paginator(rows, max(ROWS_A_PAGE, len(rows)) if form else ROWS_A_PAGE).get_page(
        request.GET.get("page")
    )
    shown: list[Row] = list(page.object_list)
    _add_last_events(actor, owner, shown)
    if form:
        _add_posted(shown, form, set(conflicts))
    context = owner_context(request, actor, owner, "features") | {
        "page": page,
        "groups": list(_by_stage(shown)),
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


def _speaks_of(definition: Definition, text: str) -> bool:
    return not text or any(
        text in part.lower() for part in (definition.key, definition.name, definition.description)
    )


def _passes(row: Row, chosen: str) -> bool:
    match chosen:
        case "here":
            return row.own is not None
        case "inherited":
            return row.own is None
        case "locked":
            return row.effective.locked_by is not None
        case "differs":
            return row.own is not None and row.own.value != row.inherited.value
    return True


def _make_row(definition: Definition, owner: Owner, state: LineageState) -> Row:
    overrides = state.of_feature(definition.id)
    above = {level: override for level, override in overrides.items() if level < owner.level}
    effective = resolve(definition.rules, overrides)
    inherited = resolve(definition.rules, above)
    by_level = {one.level: one for one in owner.lineage()}
    return Row(
        definition,
        effective,
        by_level.get(effective.source),
        overrides.get(owner.level),
        inherited,
        by_level.get(inherited.source),
        locking_level(definition.rules, overrides, owner.level),
        definition.may_be_set_at(owner.level) and not definition.is_retired,
        stored.changed_at if (stored := overrides.get(effective.source)) else None,
    )


def _add_last_events(actor: Actor, owner: Owner, rows: Sequence[Row]) -> None:
    """Give each row the last change of what counts, with one query for all.

    Who changed something above is only told to those who see that history.
    """
    streams = Q(pk__in=[])
    for one in owner.lineage():
        key = StreamKey.of(one)
        streams |= Q(stream__kind=key.kind, stream__instance=key.instance, stream__owner=key.owner)
    wanted = {row.definition.key: row.effective.source.label for row in rows}
    newest = (
        Event.objects.filter(visible_events(actor), streams, subject__in=list(wanted))
        .order_by()
        .values("stream", "subject")
        .annotate(last=Max("pk"))
        .values("last")
    )
    found = {
        (event.stream.kind, event.subject): event
        for event in Event.objects.filter(pk__in=newest).select_related("stream").order_by("pk")
    }
    for row in rows:
        row.last = found.get((wanted[row.definition.key], row.definition.key)) or found.get(
            (owner.level.label, row.definition.key)
        )


def _add_posted(rows: Iterable[Row], form: GridForm, conflicts: set[int]) -> None:
    for row in rows:
        entry = form.entries.get(row.definition.id)
        # An untouched row shows what is stored now: else it would look like a change of ours.
        row.entry = entry if entry and entry.is_changed else None
        if row.definition.id in conflicts:
            row.has_conflict = True


def _by_stage(rows: Sequence[Row]) -> Iterator[tuple[Stage, list[Row]]]:
    for stage in Stage:
        if held := [row for row in rows if row.definition.stage is stage]:
            yield stage, held
