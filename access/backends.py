"""Signing in with a name and a password: within the instance of the host, or as an operator."""

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.backends import BaseBackend
from django.db.models import Q
from django.http import HttpRequest

from tenancy.hosts import find_instance
from tenancy.models import User
from tenancy.revision import current_revision

ATTEMPT_NAME_LENGTH = 255  # characters that django-axes has room for


class InstanceBackend(BaseBackend):
    """Finds users of the host's instance and operators; the same name may live in other instances.

    An operator's name wins over a user's, so that no tenant can take it.
    """

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **_kwargs: Any,
    ) -> User | None:
        """Return the active user of that name and password, or None, in the same time."""
        if not username or password is None:
            return None
        instance = find_instance(request.get_host(), current_revision()) if request else None
        candidates = User.objects.filter(
            Q(instance=None) | Q(instance=instance), username=username, is_active=True
        ).order_by("instance_id")
        user = min(
            candidates, key=lambda candidate: candidate.instance_id is not None, default=None
        )
        if user is None:
            User().set_password(password)  # as slow as a wrong password
            return None
        return user if user.check_password(password) else None

    def get_user(self, user_id: int) -> User | None:
        """Return the active user of a session, with its tenants."""
        return (
            User.objects.filter(pk=user_id, is_active=True)
            .select_related("instance", "organization__instance")
            .first()
        )


def name_of_attempt(request: HttpRequest, credentials: Mapping[str, Any] | None = None) -> str:
    """Return under which name wrong passwords are counted, such as ``demo/alice``.

    The same name is somebody else in another instance: who guesses there locks nobody out here, and
    who signs in there ends no count here. An operator is the same at every host.
    """
    name = str((credentials or request.POST).get("username") or "")
    if not request.META.keys() & {"HTTP_HOST", "SERVER_NAME"}:
        return name[:ATTEMPT_NAME_LENGTH]  # signed in by a program, at no host
    known = request.__dict__.setdefault("names_of_attempts", {})
    if name not in known:
        is_operator = User.objects.filter(instance=None, username=name).exists()
        instance = find_instance(request.get_host(), current_revision())
        known[name] = name if is_operator or instance is None else f"{instance.public_id}/{name}"
    return str(known[name][:ATTEMPT_NAME_LENGTH])
