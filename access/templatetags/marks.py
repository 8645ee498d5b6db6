"""The token of every form, with the mark that says for whom the form was made."""

from django import template
from django.template.defaulttags import CsrfTokenNode
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from access.typed import MARK, mark_of

register = template.Library()


class MarkedTokenNode(CsrfTokenNode):
    """Django's hidden field, and ours."""

    def render(self, context: template.Context) -> SafeString:
        """Return the hidden fields; only the token where nobody is signed in."""
        token = mark_safe(super().render(context))  # noqa: S308  # Django escaped it
        request = context.get("request")
        mark = mark_of(request) if request is not None and hasattr(request, "user") else ""
        if not mark:
            return token
        return format_html('{}<input type="hidden" name="{}" value="{}">', token, MARK, mark)


@register.tag
def csrf_token(_parser: object, _token: object) -> MarkedTokenNode:
    """Stand in for Django's own tag in every template, so that no form can be without."""
    return MarkedTokenNode()
