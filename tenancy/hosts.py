"""Which instance a request means, by its host name. Answers are kept for one revision."""

from django.conf import settings
from django.http.request import split_domain_port, validate_host

from tenancy.models import Instance
from tenancy.revision import memo


def domain_of(host: str) -> str:
    """Return the domain of a Host header: lower case, without port and trailing dot."""
    return split_domain_port(host)[0].removesuffix(".")


def is_accepted_host(host: str, revision: int) -> bool:
    """Whether the settings or an instance's domains name the host."""
    domain = domain_of(host)
    return (
        validate_host(domain, settings.ACCEPTED_HOSTS) or _by_domain(domain, revision) is not None
    )


def find_instance(host: str, revision: int) -> Instance | None:
    """Return the instance that a host means: the one of that domain, or else the only one.

    None for a host that is not accepted, and where several instances leave it open.
    """
    domain = domain_of(host)
    by_domain = _by_domain(domain, revision)
    if by_domain or not validate_host(domain, settings.ACCEPTED_HOSTS):
        return by_domain
    first_two = memo.get(revision, "instances", lambda: list(Instance.objects.order_by("pk")[:2]))
    return first_two[0] if len(first_two) == 1 else None


def _by_domain(domain: str, revision: int) -> Instance | None:
    """Find an instance by its domain. That a host has none is kept only for the few we expect."""

    def load() -> tuple[Instance | None] | None:
        found = Instance.objects.filter(domains__domain=domain).first() if domain else None
        return (found,) if found or domain in settings.ACCEPTED_HOSTS else None

    (instance,) = memo.get(revision, ("domain", domain), load) or (None,)
    return instance
