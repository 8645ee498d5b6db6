"""Throttling by who asks: a bucket of requests that fills again at a steady rate.

Buckets live in the process: with several processes a principal may ask that many times as much.
That is enough to keep one runaway program from starving the others, and costs no query.
"""

import math
import time
from collections.abc import Callable
from threading import Lock
from typing import Any

from django.conf import settings
from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from access.callers import Caller

MAX_BUCKETS = 10_000


class Buckets:
    """A bucket for each principal, holding what it may ask for at once: a minute's worth."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._buckets: dict[str, tuple[float, float]] = {}  # what is left, and when that was

    def take(self, principal: str, per_minute: int) -> float:
        """Take one request out of the bucket; return the seconds to wait, 0 when there was one."""
        now = self._clock()
        with self._lock:
            left, since = self._buckets.pop(principal, (float(per_minute), now))
            left = min(per_minute, left + (now - since) * per_minute / 60)
            is_allowed = left >= 1
            self._buckets[principal] = (left - 1 if is_allowed else left, now)
            if len(self._buckets) > MAX_BUCKETS:
                # The first has been quiet for longest: one that is taken from moves to the end.
                del self._buckets[next(iter(self._buckets))]
        return 0 if is_allowed else (1 - left) * 60 / per_minute


buckets = Buckets()


def seconds_to_wait(caller: Caller) -> int:
    """Count a request of the caller; return the whole seconds until there may be one, 0 for now."""
    if not settings.THROTTLE_PER_MINUTE:
        return 0
    return math.ceil(buckets.take(caller.principal, settings.THROTTLE_PER_MINUTE))


class TooManyRequests(Throttled):
    """A caller asks more often than THROTTLE_PER_MINUTE allows."""


def require_turn(caller: Caller) -> None:
    """Count a request of the caller. TooManyRequests where it has to wait."""
    if seconds := seconds_to_wait(caller):
        raise TooManyRequests(seconds)


class PrincipalThrottle(BaseThrottle):
    """Lets each user and each API client ask THROTTLE_PER_MINUTE times a minute; 0: without end."""

    seconds = 0

    def allow_request(self, request: Request, view: Any) -> bool:
        """Whether the caller, who is known by now, may ask once more."""
        self.seconds = seconds_to_wait(view.caller)
        return self.seconds == 0

    def wait(self) -> float:
        """Return the seconds until the next request is allowed."""
        return self.seconds
