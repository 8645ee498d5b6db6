"""What was typed into a form of the admin, when its session ended or changed before it was sent.

Nothing typed is lost, nothing is sent by itself, and nobody gets what somebody else typed: each
form says by a mark for whom it was made. Passwords and confirmations are never kept.
"""

from contextlib import suppress
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.core import signing
from django.core.signing import BadSignature
from django.http import HttpRequest, QueryDict
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.translation import gettext as _

KEPT = "kept"  # of the sessions' and signatures' names for what was typed
KEPT_FOR = timedelta(days=1)
MARK = "made_for"  # the hidden field with the mark
NEVER_KEPT = {"csrfmiddlewaretoken", MARK, "confirm"}
SECRETS = ("password", "secret")  # what is so named is never kept
MAX_REASON = 1000  # characters
UNSHOWN = {"sequence", "nonce", "seen", "query"}  # what people never typed


def mark_of(request: HttpRequest) -> str:
    """Return what a form tells its reader by; the empty text where nobody is signed in.

    Who acts in somebody's name is another reader than that somebody.
    """
    if not request.user.is_authenticated:
        return ""
    impersonator = getattr(getattr(request, "actor", None), "impersonator", None)
    behind = f"{impersonator.type}:{impersonator.id}" if impersonator else ""
    return salted_hmac(MARK, f"{request.user.pk} {behind}").hexdigest()[:32]


def is_of_another(request: HttpRequest) -> bool:
    """Whether the form that was sent was made for somebody else than who is signed in now."""
    mark = request.POST.get(MARK, "")
    return bool(mark) and not constant_time_compare(mark, mark_of(request))


def pack(request: HttpRequest) -> str:
    """Return what was typed as a signed text, for the sign-in page: there is no session."""
    return signing.dumps(_typed(request), salt=KEPT, compress=True)


def restore(request: HttpRequest, packed: str) -> None:
    """Give what was typed to the session that has begun, if it is its writer's.

    A text that we did not sign is nobody's work; one that is too old is not wanted.
    """
    with suppress(BadSignature):
        _put(request, signing.loads(packed, salt=KEPT, max_age=KEPT_FOR))


def keep(request: HttpRequest) -> None:
    """Keep what was typed in the session, for the page that the form was on."""
    _put(request, _typed(request))


def has_kept(request: HttpRequest) -> bool:
    """Whether something that was typed waits for this page."""
    return _peek(request) is not None


def take_kept(request: HttpRequest, *verbs: str) -> QueryDict | None:
    """Return, once, what was typed into this page's form before the session ended, and say so.

    With ``verbs``, only a form that was sent by a button of one of these names.
    """
    kept = _peek(request)
    if kept is None:
        return None
    form = QueryDict(kept["form"])
    if verbs and form.get("do", verbs[0]) not in verbs:
        return None
    forget(request)
    messages.warning(
        request, _("Your session had ended. What you typed is here, and not saved yet.")
    )
    if kept["had_secrets"]:
        messages.warning(request, _("Passwords are never kept: type it again."))
    return form


def typed_in(request: HttpRequest, *verbs: str) -> QueryDict | None:
    """Return what a form was sent with or, once, what was typed before the session ended."""
    return request.POST if request.method == "POST" else take_kept(request, *verbs)


def reason_of(sent: QueryDict) -> str:
    """Return the reason that was typed."""
    return sent.get("reason", "").strip()[:MAX_REASON]


def forget_empty(request: HttpRequest) -> None:
    """Where nothing remains of what was sent, say that nothing was done."""
    kept = _peek(request)
    if kept is not None and not kept["form"]:
        forget(request)
        messages.warning(
            request, _("Your session had ended, and nothing was saved. Please do it again.")
        )


def forget(request: HttpRequest) -> None:
    """Drop what waits for this page."""
    request.session.pop(_name(request.path), None)


def unsent(request: HttpRequest) -> dict[str, Any]:
    """Return what a page needs that asks whether to send what no form of the page has taken."""
    kept = _peek(request)
    form = QueryDict(kept["form"] if kept else "")
    forget(request)
    fields = hidden_fields(form)
    shown = [(name, text) for name, text in fields if name not in UNSHOWN and text]
    return {"hidden": fields, "fields": shown}


def hidden_fields(form: QueryDict, *left_out: str) -> list[tuple[str, str]]:
    """Return the fields of a form, for one that sends them again; without what is never kept."""
    skipped = NEVER_KEPT | set(left_out)
    return [(name, text) for name, texts in form.lists() if name not in skipped for text in texts]


def _typed(request: HttpRequest) -> dict[str, Any]:
    form = request.POST.copy()
    secrets = [name for name in form if any(part in name.lower() for part in SECRETS)]
    for name in {*secrets, *NEVER_KEPT} & set(form):
        del form[name]
    return {
        "path": request.path,
        "form": form.urlencode(),
        "by": request.POST.get(MARK, ""),
        "had_secrets": bool(secrets),
    }


def _put(request: HttpRequest, typed: dict[str, Any]) -> None:
    if typed["by"] and not constant_time_compare(typed["by"], mark_of(request)):
        messages.warning(
            request, _("What somebody else had typed was not saved, and is not shown to you.")
        )
        return
    request.session[_name(typed["path"])] = typed | {"by": mark_of(request)}


def _peek(request: HttpRequest) -> dict[str, Any] | None:
    kept: dict[str, Any] | None = request.session.get(_name(request.path))
    if kept is None or not constant_time_compare(kept["by"], mark_of(request)):
        return None
    return kept


def _name(path: str) -> str:
    return f"{KEPT}:{path}"
