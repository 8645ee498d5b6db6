"""Creating tenants, and finding one by the ids that the outside uses."""

from collections.abc import Iterable

import idna
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from tenancy.identifiers import generate_public_id
from tenancy.levels import Level
from tenancy.models import Instance, InstanceDomain, Organization, Owner, System, User
from tenancy.prepared import PreparedQuery
from tenancy.revision import touch_revision


def create_instance(
    name: str, *, public_id: str | None = None, domains: Iterable[str] = ()
) -> Instance:
    """Create an instance that answers under some domains."""
    with transaction.atomic():
        instance = Instance(name=name, public_id=public_id or generate_public_id())
        instance.full_clean()
        instance.save()
        set_domains(instance, domains)
    return instance


def set_domains(instance: Instance, domains: Iterable[str]) -> None:
    """Replace an instance's domains. ValidationError for a bad one or another instance's."""
    wanted = {normalise_domain(domain) for domain in domains}
    with transaction.atomic():
        taken = InstanceDomain.objects.filter(domain__in=wanted).exclude(instance=instance).first()
        if taken:
            raise ValidationError(
                {"domains": _("%(domain)s belongs to another instance") % {"domain": taken.domain}}
            )
        instance.domains.exclude(domain__in=wanted).delete()
        held = set(instance.domains.values_list("domain", flat=True))
        InstanceDomain.objects.bulk_create(
            InstanceDomain(instance=instance, domain=domain) for domain in sorted(wanted - held)
        )
        touch_revision()


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
    organization.full_clean()
    organization.save()
    return organization


def create_user(
    organization: Organization,
    username: str,
    *,
    public_id: str | None = None,
    name: str = "",
    email: str = "",
    password: str | None = None,
    is_staff: bool = False,
) -> User:
    """Create a user of an organization. Without a password the user can't sign in with one."""
    user = User(
        instance=organization.instance,
        organization=organization,
        username=username,
        name=name,
        email=email,
        is_staff=is_staff,
        public_id=public_id or generate_public_id(),
    )
    user.set_password(password)
    user.full_clean(exclude=["password"])
    user.save()
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
