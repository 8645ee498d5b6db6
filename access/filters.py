"""The query of a list's address: what cannot be meant is left out, and said."""

from collections.abc import Collection

from django.contrib import messages
from django.http import HttpRequest, QueryDict
from django.utils.translation import gettext as _

from tenancy.identifiers import has_control_characters
from tenancy.spelling import did_you_mean

LONGEST = 1000  # characters; nothing that is sought is longer


def usable_query(request: HttpRequest, known: Collection[str]) -> QueryDict:
    """Return the query's parameters of known names, whose texts a database can be asked for.

    A message says what was left out, and why.
    """
    usable = QueryDict(mutable=True)
    for name, texts in request.GET.lists():
        if name not in known:
            shown = name[:40] if name.isprintable() else "?"
            hint = did_you_mean(name, known) if len(name) < LONGEST else ""
            messages.warning(
                request,
                _("There is no filter “%(name)s”%(hint)s. It was left out.")
                % {"name": shown, "hint": hint},
            )
        elif any(map(has_control_characters, texts)):
            messages.warning(
                request,
                _("“%(name)s” holds a control character. It was left out.") % {"name": name},
            )
        elif any(len(text) > LONGEST for text in texts):
            messages.warning(
                request,
                _("“%(name)s” is longer than %(count)d characters. It was left out.")
                % {"name": name, "count": LONGEST},
            )
        else:
            usable.setlist(name, texts)
    usable._mutable = False  # as a request's own is
    return usable
