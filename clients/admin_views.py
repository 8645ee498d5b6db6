"""The pages of API clients: make one, change it, copy its secret once, see what was refused."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import uuid4

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from access.actors import Actor
from access.once import is_first_time, new_nonce
from access.pages import COUNTED, page_context, shown_count, tell_saved
from access.permissions import Action, Permission, Resource
from access.places import Place, Texts, within_instances
from access.policy import allows, covered, require
from access.sites import Card, Found, Notice, actor_of, origin_of
from access.typed import typed_in
from clients import forms as typed
from clients import services
from clients.catalogue import CLIENT_FEATURES
from clients.models import ApiClient, Refusal
from events.services import Origin, read_position
from features.admin_views.finding import find_instances
from tenancy.levels import Level
from tenancy.models import Instance

READ = Permission(Resource.CLIENTS, Action.READ)
WRITE = Permission(Resource.CLIENTS, Action.WRITE)
DELETE = Permission(Resource.CLIENTS, Action.DELETE)
REFUSALS_SHOWN = 10
SOON = timedelta(days=14)

Forms = dict[str, forms.Form]


def add_client(request: HttpRequest) -> HttpResponse:
    """Ask for a new client; make it and show its secret, this once."""
    actor = actor_of(request)
    instances = list(Instance.objects.filter(_writable(actor))[:2])
    initial = {"instance": instances[0].public_id if len(instances) == 1 else ""}
    form = typed.ClientForm(typed_in(request), initial=initial)
    if request.method == "POST" and form.is_valid():
        instance = _meant_instance(actor, form.cleaned_data["instance"])
        if instance is None:
            form.add_error("instance", _("No instance that you may change is called so."))
        elif not is_first_time(request):
            messages.info(request, _("This form was sent already: see the newest client."))
            return redirect("admin:clients_apiclient_changelist")
        else:
            issued = _try(
                form,
                lambda: services.create_client(
                    instance,
                    form.cleaned_data["description"],
                    features=form.cleaned_data["features"],
                    expires_at=form.moment,
                    actor=actor,
                    origin=origin_of(request),
                ),
            )
            if issued:
                return _show_secret(request, issued, _("The client is made"))
    context = page_context(
        request,
        _("New API client"),
        form=form,
        nonce=new_nonce(),
        infos=CLIENT_FEATURES.values(),
        chosen=form["features"].value() or [],
    )
    return TemplateResponse(request, "admin/clients/add.html", context)


def client_page(request: HttpRequest, client: ApiClient) -> HttpResponse:
    """Show a client, and do one of the things that its forms ask for."""
    actor = actor_of(request)
    sent = typed_in(request, *FILLED_BY)
    forms_shown = _forms(client, sent)
    sequence = str(_sequence(client))
    if request.method != "POST":
        # With the sequence that it was typed at: who changed the client since is not overruled.
        return _show(request, actor, client, forms_shown, _sequence_in(sent) or sequence)
    verb = request.POST.get("do", "")
    require(actor, DELETE if verb == "delete" else WRITE, client.instance)
    act = VERBS.get(verb)
    if act is None:
        messages.error(request, _("That is nothing that can be done here."))
        return redirect(request.path)
    if request.POST.get("sequence") == sequence:
        done = act(request, actor, client, forms_shown)
        return done or _show(request, actor, client, forms_shown, str(_sequence(client)))
    messages.error(request, _("The client was changed meanwhile. Look, then do it again."))
    if stored := _stored(client, verb):
        messages.info(request, _("Now stored: %(value)s") % {"value": stored})
    return _show(request, actor, client, forms_shown, sequence)


def _sequence_in(sent: QueryDict | None) -> str:
    return sent.get("sequence", "") if sent else ""


def _stored(client: ApiClient, verb: str) -> str:
    """Return what a form's field holds now, in words; nothing for a button."""
    match verb:
        case "features":
            return ", ".join(client.feature_names) or _("none")
        case "networks":
            return ", ".join(client.networks) or _("none")
        case "describe":
            return client.description
        case "expiry":
            return f"{client.expires_at:%Y-%m-%d}" if client.expires_at else _("never")
    return ""


def _show(
    request: HttpRequest, actor: Actor, client: ApiClient, forms_shown: Forms, sequence: str
) -> HttpResponse:
    now = timezone.now()
    context = page_context(
        request,
        str(client),
        client=client,
        forms=forms_shown,
        infos=CLIENT_FEATURES.values(),
        chosen=_chosen(forms_shown["features"], client),
        refusals=Refusal.objects.filter(client_id=client.client_id)[:REFUSALS_SHOWN],
        sequence=sequence,
        is_expired=client.expires_at is not None and client.expires_at <= now,
        previous_works=client.previous_expires_at is not None and client.previous_expires_at > now,
        may_write=allows(actor, WRITE, client.instance),
        may_delete=allows(actor, DELETE, client.instance),
        write_permission=str(WRITE),
    )
    return TemplateResponse(request, "admin/clients/client.html", context)


def _show_secret(request: HttpRequest, issued: Any, title: str) -> HttpResponse:
    """Show a new secret. The answer is the only place where it ever stands."""
    context = page_context(request, title, client=issued.client, secret=issued.secret)
    response = TemplateResponse(request, "admin/clients/secret.html", context)
    response["Cache-Control"] = "no-store"
    return response


def _forms(client: ApiClient, sent: QueryDict | None) -> Forms:
    """Return the forms of the page; what was sent is in the one whose button sent it."""
    networks = [] if client.networks == ["0.0.0.0/0"] else client.networks
    expires = client.expires_at
    filled = FILLED_BY.get(sent.get("do", ""), ()) if sent else ()
    posted = dict.fromkeys(filled, sent)
    return {
        "description": typed.DescriptionForm(
            posted.get("description"), initial={"description": client.description}
        ),
        "features": typed.FeaturesForm(
            posted.get("features"), initial={"features": client.feature_names}
        ),
        "networks": typed.NetworksForm(
            posted.get("networks"), initial={"networks": "\n".join(networks)}
        ),
        "rotate": typed.RotationForm(posted.get("rotate")),
        "expiry": typed.ExpiryForm(
            posted.get("expiry"), initial={"expires_on": expires and expires.date()}
        ),
    }


def _chosen(form: forms.Form, client: ApiClient) -> list[str]:
    return list(form["features"].value() or []) if form.is_bound else client.feature_names


def _describe(request: HttpRequest, actor: Actor, client: ApiClient, shown: Forms) -> Any:
    form = shown["description"]
    return _carry_out(
        request,
        form,
        lambda origin: services.set_description(
            client, form.cleaned_data["description"], actor=actor, origin=origin
        ),
    )


def _set_features(request: HttpRequest, actor: Actor, client: ApiClient, shown: Forms) -> Any:
    form = shown["features"]
    return _carry_out(
        request,
        form,
        lambda origin: services.set_client_features(
            client, form.cleaned_data["features"], actor=actor, origin=origin
        ),
    )


def _set_networks(request: HttpRequest, actor: Actor, client: ApiClient, shown: Forms) -> Any:
    form = cast("typed.NetworksForm", shown["networks"])
    return _carry_out(
        request,
        form,
        lambda origin: services.set_networks(client, form.lines, actor=actor, origin=origin),
    )


def _set_expiry(request: HttpRequest, actor: Actor, client: ApiClient, shown: Forms) -> Any:
    form = cast("typed.ExpiryForm", shown["expiry"])
    return _carry_out(
        request,
        form,
        lambda origin: services.set_expiry(client, form.moment, actor=actor, origin=origin),
    )


def _rotate(request: HttpRequest, actor: Actor, client: ApiClient, shown: Forms) -> Any:
    form = cast("typed.RotationForm", shown["rotate"])
    if not form.is_valid():
        return None
    issued = _try(
        form,
        lambda: services.rotate_secret(
            client, overlap=form.overlap, actor=actor, origin=origin_of(request)
        ),
    )
    return _show_secret(request, issued, _("The client has a new secret")) if issued else None


def _disable(request: HttpRequest, actor: Actor, client: ApiClient, shown: Forms) -> Any:
    act = services.enable_client if client.disabled else services.disable_client
    return _carry_out(
        request, None, lambda origin: act(client, actor=actor, origin=origin)
    ) or redirect(request.path)


def _delete(request: HttpRequest, actor: Actor, client: ApiClient, shown: Forms) -> Any:
    if request.POST.get("confirm", "").strip() != client.client_id:
        messages.error(request, _("Type the client's id to delete it. Nothing was deleted."))
        return redirect(request.path)
    done = _carry_out(
        request,
        None,
        lambda origin: services.delete_client(client, actor=actor, origin=origin),
    )
    return redirect("admin:clients_apiclient_changelist") if done else redirect(request.path)


# Which of the forms each button of theirs sends; the others are clicks alone.
FILLED_BY = {
    "describe": ("description", "expiry"),
    "expiry": ("description", "expiry"),
    "features": ("features",),
    "networks": ("networks",),
    "rotate": ("rotate",),
}

VERBS: dict[str, Callable[[HttpRequest, Actor, ApiClient, Forms], HttpResponse | None]] = {
    "describe": _describe,
    "features": _set_features,
    "networks": _set_networks,
    "expiry": _set_expiry,
    "rotate": _rotate,
    "disable": _disable,
    "delete": _delete,
}


def _carry_out(
    request: HttpRequest, form: forms.Form | None, act: Callable[[Origin], Any]
) -> HttpResponse | None:
    """Do it and lead back to the page; None when it was refused, with the reason in the form."""
    if form is not None and not form.is_valid():
        return None
    run = uuid4()
    try:
        act(origin_of(request, run=run))
    except ValidationError as error:
        if form is None:
            messages.error(request, " ".join(error.messages))
        else:
            form.add_error(None, error.messages)
        return None
    tell_saved(request, _("Saved."), run)
    return redirect(request.path)


def _try(form: forms.Form, act: Callable[[], Any]) -> Any:
    try:
        return act()
    except ValidationError as error:
        form.add_error(None, error.messages)
        return None


def _sequence(client: ApiClient) -> int:
    return read_position(services.stream_of(client)).sequence


def _writable(actor: Actor) -> Q:
    return covered(actor, WRITE, {Level.INSTANCE: "pk"})


def _meant_instance(actor: Actor, text: str) -> Instance | None:
    """Return the instance of an id, a reference or a name, if the actor may make clients there."""
    rows = Instance.objects.filter(_writable(actor))
    exact = rows.filter(public_id=text.removeprefix("instance:")).first()
    if exact:
        return exact
    found = [one for one in find_instances(actor, text, 2) if allows(actor, WRITE, one)]
    return found[0] if len(found) == 1 else None


def find_client_pages(actor: Actor, texts: set[Texts]) -> dict[Texts, Place]:
    """Return where the histories of clients lead."""
    seen = covered(actor, READ, {Level.INSTANCE: "instance"})
    rows = ApiClient.objects.filter(seen, within_instances(texts, "instance", "client_id"))
    return {
        (client.instance.public_id, client.client_id): Place(
            str(client), reverse("admin:clients_apiclient_change", args=[client.pk])
        )
        for client in rows.select_related("instance")
    }


def search_clients(actor: Actor, text: str) -> list[Found]:
    """Find API clients by their description or id."""
    matches = Q(description__icontains=text) | Q(client_id=text)
    rows = ApiClient.objects.filter(covered(actor, READ, {Level.INSTANCE: "instance"}), matches)
    return [
        Found(str(row), row.client_id, reverse("admin:clients_apiclient_change", args=[row.pk]))
        for row in rows[:8]
    ]


def clients_card(actor: Actor) -> Card | None:
    """The API clients that were used last."""
    rows = ApiClient.objects.filter(covered(actor, READ, {Level.INSTANCE: "instance"}))
    newest = list(rows.order_by("-pk")[:5])
    if not newest:
        return None
    lines = [
        (str(row), reverse("admin:clients_apiclient_change", args=[row.pk]), "") for row in newest
    ]
    url = reverse("admin:clients_apiclient_changelist")
    count = rows.order_by()[:COUNTED].count()
    return Card(_("API clients"), url, "client", shown_count(count), lines)


def clients_about_to_expire(actor: Actor) -> Iterable[Notice]:
    """Name the clients that end soon."""
    now = timezone.now()
    rows = ApiClient.objects.filter(
        covered(actor, READ, {Level.INSTANCE: "instance"}),
        expires_at__gt=now,
        expires_at__lt=now + SOON,
        disabled=False,
    )
    for row in rows.order_by("expires_at")[:5]:
        text = _("API client “%(name)s” expires on %(date)s") % {
            "name": row,
            "date": date_format(cast("datetime", row.expires_at), pgettext("date", "j F Y")),
        }
        yield Notice(text, reverse("admin:clients_apiclient_change", args=[row.pk]))
