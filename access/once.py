"""Forms that are sent once: what each makes has a secret, which is shown in its answer alone."""

import secrets

from django.http import HttpRequest

SENT = "sent"  # of the session's name for the nonces of forms that were sent
REMEMBERED = 50


def new_nonce() -> str:
    """Return what such a form holds in its hidden field ``nonce``."""
    return secrets.token_urlsafe(16)


def is_first_time(request: HttpRequest) -> bool:
    """Whether this very form was not sent before; from now on it was.

    Forms in other tabs have nonces of their own, and may be sent in any order.
    """
    nonce, sent = request.POST.get("nonce", ""), request.session.get(SENT, [])
    if not nonce or nonce in sent:
        return False
    request.session[SENT] = [*sent, nonce][-REMEMBERED:]
    request.session.save()  # at once: a second click does not wait for our answer
    return True
