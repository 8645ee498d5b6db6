"""The page of an instance's security settings, with the headers that they produce."""

from typing import Any
from uuid import uuid4

from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from access.actors import Actor
from access.pages import owner_context, tell_saved
from access.permissions import Action, Permission, Resource
from access.policy import allows, covered, require
from access.sites import actor_of, origin_of
from access.typed import reason_of, take_kept
from events.services import PreconditionFailed
from features.services import IfMatch
from security.headers import page_headers
from security.origins import BadOrigin, parse_origin, parse_origins
from security.services import get_security_settings, set_security_settings
from security.settings import SecuritySettings
from tenancy.levels import Level
from tenancy.models import Instance, Owner
from tenancy.translation import translate

READ = Permission(Resource.POLICY, Action.READ)
WRITE = Permission(Resource.POLICY, Action.WRITE)


def owner_security(request: HttpRequest, level: str, key: int) -> HttpResponse:
    """Show an instance's settings; show what changed ones would do; save them."""
    actor = actor_of(request)
    if level != Level.INSTANCE.label:
        raise Http404
    readable = covered(actor, READ, {Level.INSTANCE: "pk"})
    instance = Instance.objects.filter(readable, pk=key).first()
    if instance is None:
        raise Http404
    if request.method == "POST":
        require(actor, WRITE, instance)
        return _save(request, actor, instance)
    settings, details = get_security_settings(instance)
    typed = take_kept(request)
    if typed is not None:
        # With the sequence that it was typed at: who changed the settings since is not overruled.
        sequence, lines = typed.get("sequence", ""), typed.get("origins", "")
        reason = typed.get("reason", "")
        return _show(request, actor, instance, _read(typed)[0], lines, sequence, reason=reason)
    lines = "\n".join(settings.allowed_origins)
    return _show(request, actor, instance, settings, lines, details.position.sequence)


def _read(posted: QueryDict) -> tuple[SecuritySettings, list[tuple[str, str]]]:
    """Return the settings of a posted form, and each origin that is none with its reason."""
    lines = _lines(posted)
    origins, problems = parse_origins(lines, "origins")
    settings = SecuritySettings("iframe" in posted, origins, "impersonation" in posted)
    wrong = [(line, reason) for line in lines if (reason := _reason(line))]
    if problems and not wrong:
        wrong = [(path, translate(reason)) for path, reason in problems.items()]
    return settings, wrong


def _lines(posted: QueryDict) -> list[str]:
    return [line.strip() for line in posted.get("origins", "").splitlines() if line.strip()]


def _reason(line: str) -> str:
    try:
        parse_origin(line)
    except BadOrigin as error:
        return translate(error)
    return ""


def _save(request: HttpRequest, actor: Actor, instance: Instance) -> HttpResponse:
    settings, problems = _read(request.POST)
    current, details = get_security_settings(instance)
    sequence = request.POST.get("sequence", "")
    is_stale = sequence != str(details.position.sequence)
    lines = request.POST.get("origins", "")
    if not problems and not is_stale and request.POST.get("do") == "save":
        run = uuid4()
        try:
            set_security_settings(
                instance,
                settings,
                actor=actor,
                origin=origin_of(request, reason_of(request.POST), run),
                if_match=IfMatch(frozenset({details.position.sequence})),
            )
        except PreconditionFailed:
            is_stale = True
        else:
            tell_saved(request, _("Saved."), run)
            return redirect(request.path)
    return _show(
        request,
        actor,
        instance,
        settings,
        lines,
        details.position.sequence,
        problems=problems,
        stored=current if is_stale else None,
        is_preview=not problems,
        reason=request.POST.get("reason", ""),
    )


def _show(
    request: HttpRequest,
    actor: Actor,
    instance: Instance,
    settings: SecuritySettings,
    lines: str,
    sequence: int | str,
    **more: Any,
) -> HttpResponse:
    context = owner_context(request, actor, instance, "security") | {
        "settings": settings,
        "lines": lines,
        "sequence": sequence,
        "headers": page_headers(settings).items(),
        "may_write": allows(actor, WRITE, instance),
        "write_permission": str(WRITE),
        **more,
    }
    return TemplateResponse(request, "admin/security/security.html", context)


def is_shown(actor: Actor, owner: Owner) -> bool:
    """Whether the actor sees the instance's security settings."""
    return allows(actor, READ, owner)
