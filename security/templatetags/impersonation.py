"""The button that begins an impersonation, for a user's page."""

from typing import Any, cast

from django import template

from security.impersonation import may_impersonate
from security.sessions import impersonation_of
from tenancy.models import User

register = template.Library()


@register.inclusion_tag("security/impersonate_button.html", takes_context=True)
def impersonate_button(context: dict[str, Any], subject: User) -> dict[str, Any]:
    """Show a button that begins to impersonate the user, to those who may."""
    request = context["request"]
    is_shown = impersonation_of(request) is None and may_impersonate(
        cast("User", request.user), subject
    )
    return {"subject": subject, "is_shown": is_shown, "csrf_token": context.get("csrf_token")}
