"""The bearer tokens of a user: issue one, copy it once, end it."""

from datetime import timedelta
from typing import cast

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from access.actors import Actor
from access.admin_views import add_errors
from access.models import AccessToken
from access.once import is_first_time, new_nonce
from access.pages import find_owner_or_404, owner_context
from access.permissions import Action, Permission, Resource
from access.policy import MissingPermission, allows, require
from access.services import IssuedToken, revoke_token
from access.sites import actor_of, origin_of
from access.typed import typed_in
from clients.forms import TokenForm
from clients.tokens import issue_token_for
from tenancy.identifiers import read_key
from tenancy.levels import Level
from tenancy.models import Owner, System, User

READ, WRITE, DELETE = (
    Permission(Resource.TOKENS, action) for action in (Action.READ, Action.WRITE, Action.DELETE)
)
SHOWN = 50


def owner_tokens(request: HttpRequest, level: str, key: int) -> HttpResponse:
    """Show a user's tokens; issue another, or end one."""
    actor = actor_of(request)
    if level != Level.USER.label:
        raise Http404
    user = cast("User", find_owner_or_404(actor, level, key))
    require(actor, READ, place_of(user))
    if request.method == "POST" and request.POST.get("do") == "end":
        return _end(request, actor, user)
    form = TokenForm(typed_in(request, "issue"), initial={"expires_in_days": 90})
    if request.method == "POST":
        require(actor, WRITE, place_of(user))
        if form.is_valid():
            if not is_first_time(request):
                messages.info(request, _("This form was sent already: see the newest token."))
                return redirect(request.path)
            if issued := _issue(request, actor, user, form):
                return _show_once(request, actor, user, issued)
    now = timezone.now()
    tokens = AccessToken.objects.filter(user=user).order_by("-pk")[:SHOWN]
    context = owner_context(request, actor, user, "tokens") | {
        "form": form,
        "nonce": new_nonce(),
        "tokens": [(token, token.expires_at <= now) for token in tokens],
        "may_issue": allows(actor, WRITE, place_of(user)),
        "may_end": allows(actor, DELETE, place_of(user)),
        "write_permission": str(WRITE),
    }
    return TemplateResponse(request, "admin/clients/tokens.html", context)


def place_of(user: User) -> Owner:
    """Return where a token of the user belongs: an operator's to the system."""
    return user.instance or System()


def is_shown(actor: Actor, owner: Owner) -> bool:
    """Whether the actor sees the user's tokens."""
    return isinstance(owner, User) and allows(actor, READ, place_of(owner))


def _issue(request: HttpRequest, actor: Actor, user: User, form: TokenForm) -> IssuedToken | None:
    """Issue what was asked for; None with the reason in the form."""
    try:
        return issue_token_for(
            user,
            permissions=form.cleaned_data["permissions"],
            lifetime=timedelta(days=form.cleaned_data["expires_in_days"]),
            description=form.cleaned_data["description"],
            actor=actor,
            origin=origin_of(request),
        )
    except ValidationError as error:
        add_errors(form, error)
    except MissingPermission as error:
        text = _("You may not hand out %(permission)s.") % {"permission": error.permission}
        form.add_error("permissions", text)
    return None


def _show_once(request: HttpRequest, actor: Actor, user: User, issued: IssuedToken) -> HttpResponse:
    """Show a new token. The answer is the only place where it ever stands."""
    context = owner_context(request, actor, user, "tokens") | {"issued": issued}
    response = TemplateResponse(request, "admin/clients/token.html", context)
    response["Cache-Control"] = "no-store"
    return response


def _end(request: HttpRequest, actor: Actor, user: User) -> HttpResponse:
    require(actor, DELETE, place_of(user))
    tokens = AccessToken.objects.filter(user=user, pk=read_key(request.POST.get("token", "")))
    if token := tokens.select_related("user__instance").first():
        revoke_token(token, actor=actor, origin=origin_of(request))
        messages.success(request, _("The token is dead."))
    else:
        messages.info(request, _("There is no such token: it was ended already."))
    return redirect(request.path)
