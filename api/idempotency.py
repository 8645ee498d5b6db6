"""Idempotency-Key: a change that is asked for twice happens once, and both get the same answer.

After draft-ietf-httpapi-idempotency-key-header. Keys are kept for a day. The key, the change and
the answer are written in one transaction: killed at any moment, all of them are there or none.
"""

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from access.callers import Caller
from api.models import IdempotentRequest
from events.services import Conflict

HEADER = "Idempotency-Key"
KEPT_FOR = timedelta(days=1)
MAX_KEY = 255
UNSAFE = {"POST", "PUT", "PATCH", "DELETE"}

Handler = Callable[..., Response]


class KeyReused(Conflict):
    """The key was used for another request, or for one whose answer is shown only once."""


class IdempotentMixin(ViewSet):
    """Lets every unsafe verb of a view carry an Idempotency-Key.

    A view whose answers hold a secret sets ``answers_once``: its answers are not kept.
    """

    answers_once = False
    caller: Caller

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Put the key's bookkeeping around the verb's handler, once the caller is known."""
        super().initial(request, *args, **kwargs)
        verb = str(request.method)
        key = request.headers.get(HEADER) if verb in UNSAFE else None
        if key is not None:
            handler = getattr(self, verb.lower(), None)
            if handler is not None:
                setattr(self, verb.lower(), self._once(_check_key(key), handler))

    def _once(self, key: str, handler: Handler) -> Handler:
        def handle(request: Request, *args: Any, **kwargs: Any) -> Response:
            now = timezone.now()
            IdempotentRequest.objects.filter(created_at__lt=now - KEPT_FOR).delete()
            with transaction.atomic():
                # A second request with the key waits here until the first has its answer.
                row, is_new = IdempotentRequest.objects.get_or_create(
                    principal=self.caller.principal,
                    key=key,
                    defaults={"digest": _digest(request), "created_at": now},
                )
                if not is_new:
                    return _replay(row, request)
                response = handler(request, *args, **kwargs)
                row.status = response.status_code
                row.body = None if self.answers_once else response.data
                row.etag = response.headers.get("ETag", "")
                row.location = response.headers.get("Location", "")
                row.save()
            return response

        return handle


def _replay(row: IdempotentRequest, request: Request) -> Response:
    if row.digest != _digest(request):
        raise KeyReused(f"this {HEADER} was used for another request: make a new one")
    if row.body is None and row.status != 204:
        raise KeyReused("it was done already, and its answer is shown only once")
    kept = {"ETag": row.etag, "Location": row.location}
    headers = {name: text for name, text in kept.items() if text}
    return Response(row.body, status=row.status, headers=headers)


def _check_key(key: str) -> str:
    if not (1 <= len(key) <= MAX_KEY and key.isascii() and key.isprintable()):
        raise ValidationError({HEADER: f"must have 1 to {MAX_KEY} printable ASCII characters"})
    return key


def _digest(request: Request) -> str:
    asked = [request.method, request.get_full_path(), request.data]
    # A file that was uploaded knows its own digest.
    text = json.dumps(asked, sort_keys=True, default=lambda upload: upload.digest)
    return hashlib.sha256(text.encode()).hexdigest()
