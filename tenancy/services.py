"""Creating tenants, and finding one by the ids that the outside uses."""

from collections.abc import Iterable

import idna
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from tenancy.identifiers import generate_public_id
from tenancy.levels import Level
from tenancy.models import Instance, InstanceDomain, Organization, Owner, System, User
from tenancy.prepared import PreparedQuery
from tenancy.revision import touch_revision
from tenancy.uniqueness import AlreadyExists, save_unique


def create_instance(
    name: str, *, public_id: str | None = None, domains: Iterable[str] = ()
) -> Instance:
    """Create an instance that answers under some domains."""
    with transaction.atomic():
        instance = Instance(name=name, public_id=public_id or generate_public_id())
        save_unique(instance)
        set_domains(instance, domains)
    return instance


def set_domains(instance: Instance, domains: Iterable[str]) -> None:
    """Replace an instance's domains. ValidationError for a bad one, AlreadyExists for another's."""
    wanted = {normalise_domain(domain) for domain in domains}
    with transaction.atomic():
        _require_free(wanted, instance)
        instance.domains.exclude(domain__in=wanted).delete()
        held = set(instance.domains.values_list("domain", flat=True))
        new = [InstanceDomain(instance=instance, domain=each) for each in sorted(wanted - held)]
        try:
            with transaction.atomic():
                InstanceDomain.objects.bulk_create(new)
        except IntegrityError:
            _require_free(wanted, instance)
            raise
        touch_revision()


def _require_free(domains: Iterable[str], instance: Instance) -> None:
    """Raise AlreadyExists when one of the domains is another instance's."""
    taken = InstanceDomain.objects.filter(domain__in=domains).exclude(instance=instance).first()
    if taken:
        reason = _("%(domain)s belongs to another instance") % {"domain": taken.domain}
        raise AlreadyExists({"domains": reason})


def normalise_domain(domain: str) -> str:
    """Return a domain as hosts are compared: ASCII, lower case. ValidationError for no domain."""
    text = domain.strip().removesuffix(".").lower()
    try:
        return idna.encode(text, uts46=True).decode("ascii")
    except idna.IDNAError:
        raise ValidationError(
            {"domains": _('"%(domain)s" is no host name') % {"domain": domain}}
        ) from None


def create_organization(
    instance: Instance, name: str, *, public_id: str | None = None
) -> Organization:
    """Create an organization of an instance."""
    organization = Organization(
        instance=instance, name=name, public_id=public_id or generate_public_id()
    )
    save_unique(organization)
    return organization


def create_user(
    organization: Organization,
    username: str,
    *,
    public_id: str | None = None,
    name: str = "",
    email: str = "",
    password: str | None = None,
    is_active: bool = True,
    is_staff: bool = False,
) -> User:
    """Create a user of an organization. Without a password the user can't sign in with one."""
    user = User(
        instance=organization.instance,
        organization=organization,
        username=username,
        name=name,
        email=email,
        is_active=is_active,
        is_staff=is_staff,
        public_id=public_id or generate_public_id(),
    )
    user.set_password(password)
    save_unique(user, exclude=["password"])
    return user


def find_owner(instance: Instance, level: Level, public_id: str) -> Owner | None:
    """Return the instance's owner of that level and id with its lineage loaded, or None.

    For the system and the instance itself no id is needed and no query made.
    """
    match level:
        case Level.SYSTEM:
            return System()
        case Level.INSTANCE:
            return instance
        case Level.ORGANIZATION:
            for organization in organizations_by_id(instance.pk, public_id):
                organization.instance = instance
                return organization
        case _:
            for user in users_by_id(instance.pk, public_id):
                user.instance = instance
                if user.organization:
                    user.organization.instance = instance
                return user
    return None


# On the path of nearly every request.
organizations_by_id = PreparedQuery(
    lambda instance, public_id: Organization.objects.filter(
        instance_id=instance, public_id=public_id
    ).order_by(),
    *(-1, "public id"),
)
users_by_id = PreparedQuery(
    lambda instance, public_id: (
        User.objects.filter(instance_id=instance, public_id=public_id)
        .select_related("organization")
        .order_by()
    ),
    *(-1, "public id"),
)
