"""The pages that make and change tenants and roles, each through its service."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from django import forms as django_forms
from django.contrib import messages
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from access import forms, tenants
from access.actors import Actor
from access.models import Membership
from access.pages import OWNERS, owner_context, page_context, page_of, tell_saved
from access.permissions import Action, Permission, Resource, Role
from access.policy import (
    MissingPermission,
    allows,
    covered,
    may_grant,
    may_grant_all,
    may_see,
    may_set_password,
    require,
    visible,
)
from access.role_texts import ROLE_SAYS
from access.services import grant_role, revoke_role, roles_of
from access.sites import actor_of, origin_of
from access.typed import typed_in
from events.services import Origin
from tenancy.levels import Level
from tenancy.models import Instance, Owner, System, User
from tenancy.references import BadReference, find_by_reference

GRANT = Permission(Resource.MEMBERSHIPS, Action.WRITE)


@dataclass(frozen=True)
class TenantKind:
    """What the pages of a level's tenants differ in. ``parent`` is None for instances."""

    level: Level
    parent: Level | None
    form: type[django_forms.Form]
    new_form: type[django_forms.Form]
    create: Callable[..., Owner]
    initial: Callable[[Any], dict[str, Any]]

    def may(self, action: Action) -> Permission:
        """The permission to do that to such tenants."""
        return Permission.on_tenants(self.level, action)


KINDS = {
    kind.level: kind
    for kind in (
        TenantKind(
            Level.INSTANCE,
            None,
            forms.InstanceForm,
            forms.NewInstanceForm,
            lambda _parent, **fields: tenants.create_instance(**fields),
            lambda instance: {
                "name": instance.name,
                "domains": "\n".join(str(domain) for domain in instance.domains.all()),
            },
        ),
        TenantKind(
            Level.ORGANIZATION,
            Level.INSTANCE,
            forms.NameForm,
            forms.NewOrganizationForm,
            tenants.create_organization,
            lambda organization: {"name": organization.name},
        ),
        TenantKind(
            Level.USER,
            Level.ORGANIZATION,
            forms.UserForm,
            forms.NewUserForm,
            tenants.create_user,
            lambda user: {name: getattr(user, name) for name in forms.UserForm.base_fields},
        ),
    )
}


def may_add(actor: Actor, level: Level) -> bool:
    """Whether the actor may make tenants of the level anywhere."""
    if level is Level.SYSTEM:
        return False
    permission = KINDS[level].may(Action.WRITE)
    levels = {Level.INSTANCE: {Level.SYSTEM}}.get(
        level, {Level.SYSTEM, Level.INSTANCE, KINDS[level].parent}
    )
    return any(permission in grant.permissions and grant.level in levels for grant in actor.grants)


def add_tenant(request: HttpRequest, level: Level) -> HttpResponse:
    """Ask for a new tenant, and make it."""
    actor, kind = actor_of(request), KINDS[level]
    if not may_add(actor, level):
        raise MissingPermission(kind.may(Action.WRITE))
    form = kind.new_form(typed_in(request), initial=_initial_parent(actor, kind))
    if request.method == "POST" and form.is_valid():
        fields = dict(form.cleaned_data)
        fields["public_id"] = fields["public_id"] or None
        parent = _parent(actor, kind, form, fields.pop("parent", ""))
        if parent and "password" in fields:
            _check_password(form, fields)
        if parent and not form.errors:
            try:
                owner = kind.create(parent, **fields, actor=actor, origin=origin_of(request))
            except ValidationError as error:
                add_errors(form, error)
            else:
                messages.success(request, _("%(name)s is made.") % {"name": owner})
                return redirect(page_of(owner))
    context = page_context(request, _("New %(level)s") % {"level": _label(level)}, form=form)
    context["back"] = f"admin:tenancy_{level.label}_changelist"
    return TemplateResponse(request, "admin/tenants/form.html", context)


def tenant_page(request: HttpRequest, owner: Owner) -> HttpResponse:
    """Show what is known of a tenant; change or delete it."""
    actor, kind = actor_of(request), KINDS[owner.level]
    may_write = allows(actor, kind.may(Action.WRITE), owner)
    held = roles_of(owner) if isinstance(owner, User) else []
    may_end = _may_end(actor, owner, held)
    may_delete = may_end and allows(actor, kind.may(Action.DELETE), owner)
    initial = kind.initial(owner)
    form = kind.form(typed_in(request, "save"), initial=initial)
    for name, field in form.fields.items():
        field.disabled = not may_write or (name in tenants.SIGN_IN and not may_end)
    if request.method == "POST" and request.POST.get("do") == "delete":
        tenants.require_on_tenant(actor, Action.DELETE, owner)
        return _delete(request, actor, owner)
    if request.method == "POST":
        require(actor, kind.may(Action.WRITE), owner)
        run = uuid4()
        origin = origin_of(request, run=run)
        if form.is_valid() and (changed := _change(owner, form, actor, origin)):
            tell_saved(request, _("%(name)s is saved.") % {"name": changed}, run)
            return redirect(request.path)
        owner.refresh_from_db()
    context = owner_context(request, actor, owner, "details") | {
        "form": form,
        "may_write": may_write,
        "may_delete": may_delete,
        "write_permission": str(kind.may(Action.WRITE)),
        **_sign_in_context(actor, owner, held),
        "back": f"admin:tenancy_{owner.level.label}_changelist",
    }
    return TemplateResponse(request, "admin/tenants/form.html", context)


def grant(request: HttpRequest) -> HttpResponse:
    """Ask who gets which role on what, and grant it."""
    actor = actor_of(request)
    form = forms.MembershipForm(typed_in(request), initial=request.GET.dict())
    if request.method == "POST" and form.is_valid():
        user = _meant(actor, form, "user", Level.USER)
        role = Role(form.cleaned_data["role"])
        owner: Owner | None = System()
        if role.level is not Level.SYSTEM or form.cleaned_data["owner"]:
            owner = _meant(actor, form, "owner", role.level)
        if user is not None and owner is not None:
            if not may_grant(actor, role, owner):
                form.add_error("role", _("You may not grant this role there (%s).") % GRANT)
            else:
                run = uuid4()
                by = {"actor": actor, "origin": origin_of(request, run=run)}
                try:
                    grant_role(user, role, owner, **by)  # type: ignore[arg-type]
                except ValidationError as error:
                    add_errors(form, error)
                else:
                    text = _("%(user)s holds %(role)s now.") % {"user": user, "role": role.value}
                    tell_saved(request, text, run)
                    return redirect("admin:access_membership_changelist")
    context = page_context(request, _("Grant a role"), form=form, roles=ROLE_SAYS.items())
    context["back"] = "admin:access_membership_changelist"
    return TemplateResponse(request, "admin/tenants/form.html", context)


def membership_page(request: HttpRequest, membership: Membership) -> HttpResponse:
    """Show a role that somebody holds; take it away."""
    actor = actor_of(request)
    may_revoke = may_grant(actor, Role(membership.role), membership.owner)
    if request.method == "POST" and request.POST.get("do") == "revoke":
        if not may_revoke:
            raise MissingPermission(GRANT)
        run = uuid4()
        revoke_role(membership, actor=actor, origin=origin_of(request, run=run))
        tell_saved(request, _("The role is taken away."), run)
        return redirect("admin:access_membership_changelist")
    context = page_context(
        request, membership.role, membership=membership, may_revoke=may_revoke, permission=GRANT
    )
    return TemplateResponse(request, "admin/tenants/membership.html", context)


def _label(level: Level) -> str:
    return {
        Level.INSTANCE: _("instance"),
        Level.ORGANIZATION: _("organization"),
        Level.USER: _("user"),
    }[level]


def _initial_parent(actor: Actor, kind: TenantKind) -> dict[str, str]:
    """Return the parent of a new tenant where there is but one."""
    if kind.parent is None:
        return {}
    rows = list(OWNERS[kind.parent].filter(_places(actor, kind))[:2])
    return {"parent": rows[0].reference} if len(rows) == 1 else {}


def _places(actor: Actor, kind: TenantKind) -> Q:
    paths = {Level.INSTANCE: "pk"}
    if kind.parent is Level.ORGANIZATION:
        paths = {Level.INSTANCE: "instance", Level.ORGANIZATION: "pk"}
    return covered(actor, kind.may(Action.WRITE), paths)


def _parent(actor: Actor, kind: TenantKind, form: django_forms.Form, text: str) -> Owner | None:
    """Return where a new tenant comes; None with an error in the form."""
    if kind.parent is None:
        return System()
    rows = OWNERS[kind.parent].filter(_places(actor, kind))
    owner = find_one(rows, kind.parent, text)
    if owner is None:
        form.add_error("parent", _("Nothing that you may add to is called so."))
    return owner


def _meant(actor: Actor, form: django_forms.Form, field: str, level: Level) -> Owner | None:
    """Return the owner that a picker names; None with an error in the form."""
    owner: Owner | None = System()
    if level is not Level.SYSTEM:
        rows = OWNERS[level].filter(visible(actor, level))
        owner = find_one(rows, level, form.cleaned_data[field])
    if owner is None or not may_see(actor, owner):
        form.add_error(field, _("Nothing that you may see is called so."))
        return None
    return owner


def find_one(rows: Any, level: Level, text: str) -> Owner | None:
    """Return the one row that a reference, an id or a name means; None for none and for several."""
    text = text.strip()
    try:
        meant = find_by_reference(text)
    except BadReference:
        pass
    else:
        found: Owner | None = rows.filter(pk=meant.pk).first() if meant.level is level else None
        return found
    named = Q(public_id=text) | Q(folded_name=text.lower())
    if level is Level.USER:
        named |= Q(folded_username=text.lower())
    several = list(rows.filter(named)[:2])
    return several[0] if len(several) == 1 else None


def _change(owner: Owner, form: django_forms.Form, actor: Actor, origin: Origin) -> Owner | None:
    """Return the tenant with what was changed, written; None with the errors in the form."""
    changed = {name: form.cleaned_data[name] for name in form.changed_data}
    domains = changed.pop("domains", None)
    try:
        with transaction.atomic():
            now = tenants.change_tenant(owner, changed, actor=actor, origin=origin)
            if domains is not None and isinstance(now, Instance):
                tenants.set_domains(now, domains, actor=actor, origin=origin)
    except ValidationError as error:
        add_errors(form, error)
        return None
    return now


def _delete(request: HttpRequest, actor: Actor, owner: Owner) -> HttpResponse:
    if request.POST.get("confirm", "").strip() != owner.public_id:
        messages.error(request, _("Type the id to delete it. Nothing was deleted."))
        return redirect(request.path)
    try:
        tenants.delete_tenant(owner, actor=actor, origin=origin_of(request))
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
        return redirect(request.path)
    messages.success(request, _("%(name)s is deleted; its history stays.") % {"name": owner})
    return redirect(f"admin:tenancy_{owner.level.label}_changelist")


def _may_end(actor: Actor, owner: Owner, held: list[Membership]) -> bool:
    """Whether the roles that a user holds let the actor end them, or their way to sign in."""
    if not isinstance(owner, User):
        return True
    return may_grant_all(actor, owner, [(Role(row.role), row.owner) for row in held])


def _sign_in_context(actor: Actor, owner: Owner, held: list[Membership]) -> dict[str, Any]:
    """Return a user's roles, as far as the actor sees on what, and the way to a new password."""
    if not isinstance(owner, User):
        return {}
    may_set = may_set_password(actor, owner, [(Role(row.role), row.owner) for row in held])
    return {
        "memberships": [row for row in held[:100] if may_see(actor, row.owner)],
        "may_set_password": may_set and owner != actor.user,
        "may_grant": GRANT in actor.permissions,
    }


def _check_password(form: django_forms.Form, fields: dict[str, Any]) -> None:
    fields["password"] = fields["password"] or None
    if fields["password"]:
        try:
            validate_password(fields["password"], User(username=fields["username"]))
        except ValidationError as error:
            form.add_error("password", error)


def add_errors(form: django_forms.Form, error: ValidationError) -> None:
    """Put what a service refused beside the field it is about, or above all of them."""
    if not hasattr(error, "error_dict"):
        form.add_error(None, error)
        return
    for path, texts in error.message_dict.items():
        field = re.split(r"[.\[]", path)[0]
        for text in texts:
            form.add_error(field if field in form.fields else None, text)
