"""What the rows of an import mean beside the tenants that exist. Reads in batches, writes nothing.

An import adds and updates; it takes nothing away and moves nobody.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeVar

from access.models import Membership
from access.permissions import Role
from access.reports import Fault
from access.tenant_rows import Row
from tenancy.levels import Level
from tenancy.models import Instance, InstanceDomain, Organization, User
from tenancy.spelling import did_you_mean

T = TypeVar("T")
Home = Instance | Organization | None  # the owner above; None: the system

BATCH = 2000
UPDATED = {
    Level.INSTANCE: ("name",),
    Level.ORGANIZATION: ("name",),
    Level.USER: ("username", "name", "email"),
}
"""What a row may change of a tenant that exists, where it says something else."""


@dataclass(slots=True)
class PlannedTenant:
    """What becomes of one row. ``key`` is the primary key, None for a new tenant.

    ``owner`` is the instance or organization; a user's is built only while it is written, so that
    a hundred thousand of them fit.
    """

    row: Row
    home: Home
    key: int | None = None
    owner: Instance | Organization | None = None
    changes: dict[str, tuple[Any, Any]] = field(default_factory=dict)  # field: before, after
    domains: list[str] = field(default_factory=list)  # new ones
    roles: list[Role] = field(default_factory=list)  # new ones

    @property
    def outcome(self) -> str:
        """What happens: created, changed or unchanged."""
        if self.key is None:
            return "created"
        return "changed" if self.changes or self.roles else "unchanged"


@dataclass
class ImportPlan:
    """What an import would do; nothing of it while there are faults."""

    instances: list[PlannedTenant] = field(default_factory=list)
    organizations: list[PlannedTenant] = field(default_factory=list)
    users: list[PlannedTenant] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def count(self) -> dict[str, dict[str, int]]:
        """Return, for each level, how many tenants are created, changed and unchanged."""
        of_level = {
            Level.INSTANCE: self.instances,
            Level.ORGANIZATION: self.organizations,
            Level.USER: self.users,
        }
        counted = {level.label: Counter(p.outcome for p in of_level[level]) for level in of_level}
        outcomes = ("created", "changed", "unchanged")
        return {
            label: {outcome: counts[outcome] for outcome in outcomes}
            for label, counts in counted.items()
        }

    def summarize(self) -> dict[str, int]:
        """Return how many tenants become others or new, stay as they are, and are wrong."""
        counts = self.count().values()
        return {
            "changed": sum(count["created"] + count["changed"] for count in counts),
            "unchanged": sum(count["unchanged"] for count in counts),
            "errors": len(self.faults),
        }


def plan_import(rows: Iterable[Row], faults: list[Fault]) -> ImportPlan:
    """Return what some rows would do; to the faults of reading them come those of their meaning."""
    return _Planner(rows, faults).plan


class _Planner:
    """Works level by level from the top, since rows refer to each other in any order."""

    def __init__(self, rows: Iterable[Row], faults: list[Fault]) -> None:
        by_level: dict[Level, list[Row]] = defaultdict(list)
        for row in rows:
            by_level[row.level].append(row)
        self.plan = ImportPlan(faults=faults)
        self.instances = {found.public_id: found for found in Instance.objects.all()}
        self.plan_instances(by_level[Level.INSTANCE])
        self.organizations: dict[str, list[Organization]] = defaultdict(list)  # by their own id
        self.plan_organizations(by_level[Level.ORGANIZATION])
        self.plan_users(by_level[Level.USER])
        faults.sort(key=lambda fault: fault.line or 0)

    def blame(self, row: Row, code: str, message: str) -> None:
        self.plan.faults.append(Fault(code, message, row.line))

    def plan_instances(self, rows: list[Row]) -> None:
        for row, _home in self.without_doubles((row, None) for row in rows):
            if row.parent not in {"", Level.SYSTEM.label}:
                self.blame(row, "parent", "parent: an instance belongs to the system")
            instance = self.instances.get(row.id)
            if instance is None and not row.name:
                self.blame(row, "name", "name: is missing, and there is no such instance yet")
            planned = self._with_owner(row, None, instance or Instance(public_id=row.id))
            self.plan.instances.append(planned)
        self._plan_domains()
        self.instances |= {planned.row.id: planned.owner for planned in self.plan.instances}  # type: ignore[misc]

    def _plan_domains(self) -> None:
        if not any(planned.row.domains for planned in self.plan.instances):
            return
        holders = dict(InstanceDomain.objects.values_list("domain", "instance__public_id"))
        held = dict(holders)
        for planned in self.plan.instances:
            for domain in planned.row.domains:
                if holders.setdefault(domain, planned.row.id) != planned.row.id:
                    message = f"domains: {domain} belongs to instance {holders[domain]}"
                    self.blame(planned.row, "domains", message)
            planned.domains = [domain for domain in planned.row.domains if domain not in held]
            if planned.key and planned.domains:
                own = sorted(domain for domain, holder in held.items() if holder == planned.row.id)
                planned.changes["domains"] = (own, sorted({*own, *planned.domains}))

    def plan_organizations(self, rows: list[Row]) -> None:
        placed = list(self.without_doubles((row, self._instance_of(row)) for row in rows))
        self._load_organizations(row.id for row in rows)
        for row, home in placed:
            if home is None:
                continue
            found = next((o for o in self.organizations[row.id] if o.instance == home), None)
            if found is None and not row.name:
                self.blame(row, "name", "name: is missing, and there is no such organization yet")
            organization = found or Organization(instance=home, public_id=row.id)
            self.plan.organizations.append(self._with_owner(row, home, organization))
            if found is None:
                self.organizations[row.id].append(organization)

    def _instance_of(self, row: Row) -> Instance | None:
        """Return the instance that an organization's row names, or blame the row."""
        label = f"{Level.INSTANCE.label}:"
        if not row.parent and len(self.instances) == 1:
            return next(iter(self.instances.values()))
        found = self.instances.get(row.parent.removeprefix(label))
        if not row.parent:
            self.blame(row, "parent", f"parent: is missing: write {label}ID")
        elif found is None:
            hint = did_you_mean(row.parent.removeprefix(label), self.instances)
            self.blame(row, "parent", f'parent: there is no instance "{row.parent}"{hint}')
        return found

    def _load_organizations(self, ids: Iterable[str]) -> None:
        by_key = {instance.pk: instance for instance in self.instances.values()}
        for batch in batches(id_ for id_ in dict.fromkeys(ids) if id_ not in self.organizations):
            for id_ in batch:
                self.organizations[id_] = []
            for found in Organization.objects.filter(public_id__in=batch):
                found.instance = by_key[found.instance_id]
                self.organizations[found.public_id].append(found)

    def plan_users(self, rows: list[Row]) -> None:
        texts = dict.fromkeys(row.parent for row in rows)
        self._load_organizations(id_ for text in texts for _instance, id_ in _readings(text))
        homes = {text: self._organization_of(text) for text in texts}
        placed: list[tuple[Row, Home]] = []
        for row in rows:
            home = homes[row.parent]
            if isinstance(home, str):
                self.blame(row, "parent", f"parent: {home}")
            else:
                placed.append((row, home))
        by_instance: dict[int | None, list[PlannedTenant]] = defaultdict(list)
        instances: dict[int | None, Instance | None] = {}
        for row, home in self.without_doubles(placed):
            instance = home.instance_or_none if home else None
            self._check_roles(row, home)
            planned = PlannedTenant(row, home)
            by_instance[id(instance) if instance else None].append(planned)
            instances[id(instance) if instance else None] = instance
            self.plan.users.append(planned)
        for identity, users in by_instance.items():
            self._compare_users(instances[identity], users)

    def _organization_of(self, text: str) -> Home | str:
        """Return the organization that a user's row names, None for the system, or a complaint."""
        if text == Level.SYSTEM.label:
            return None
        if not text:
            return "is missing: write organization:ID"
        readings = _readings(text)
        for wanted, id_ in readings:
            found = [
                organization
                for organization in self.organizations.get(id_, ())
                if wanted in {None, organization.instance.public_id}
            ]
            if len(found) == 1:
                return found[0]
            if found:
                return f'there are several organizations "{id_}": write organization:INSTANCE/ID'
        known = [o.public_id for found in self.organizations.values() for o in found[:1]][:1000]
        return f'there is no organization "{text}"{did_you_mean(readings[-1][1], known)}'

    def _check_roles(self, row: Row, home: Home) -> None:
        for role in row.roles:
            if (role.level is Level.SYSTEM) != (home is None):
                whose = "an operator: parent system" if home else "a user of an organization"
                self.blame(row, "roles", f"roles: {role.value} is for {whose}")

    def _compare_users(self, instance: Instance | None, users: list[PlannedTenant]) -> None:
        """Find out what is new of the users of one instance, or of the operators."""
        named: dict[str, str] = {}
        for planned in users:
            row = planned.row
            if row.username and named.setdefault(row.username, row.id) != row.id:
                other = named[row.username]
                self.blame(row, "username", f'username: "{row.username}" is user {other}\'s, too')
        for batch in batches(users):
            stored: dict[str, User] = {}
            if instance is None or instance.pk:
                of_instance = User.objects.filter(instance=instance)
                found = of_instance.filter(public_id__in=[p.row.id for p in batch])
                stored = {user.public_id: user for user in found}
                names = [p.row.username for p in batch if p.row.username]
                taken = dict(
                    of_instance.filter(username__in=names).values_list("username", "public_id")
                )
                for planned in batch:
                    holder = taken.get(planned.row.username, planned.row.id)
                    if holder != planned.row.id:
                        message = f'username: "{planned.row.username}" is user {holder}\'s'
                        self.blame(planned.row, "username", message)
            for planned in batch:
                self._compare_user(planned, stored.get(planned.row.id))
            self._compare_roles(batch)

    def _compare_user(self, planned: PlannedTenant, stored: User | None) -> None:
        row, home = planned.row, planned.home
        if stored is None:
            if not row.username:
                self.blame(row, "username", "username: is missing, and there is no such user yet")
            return
        if stored.organization_id != (home.pk if home else None):
            message = "parent: the user is in another organization, and users do not move"
            self.blame(row, "parent", message)
        planned.key = stored.pk
        planned.changes = _changes(row, stored)

    def _compare_roles(self, batch: Sequence[PlannedTenant]) -> None:
        keys = [planned.key for planned in batch if planned.key and planned.row.roles]
        held: dict[int, set[tuple[str, int | None, int | None]]] = defaultdict(set)
        memberships = Membership.objects.filter(user__in=keys) if keys else ()
        for membership in memberships:
            on = (membership.role, membership.instance_id, membership.organization_id)
            held[membership.user_id].add(on)
        for planned in batch:
            planned.roles = [
                role
                for role in planned.row.roles
                if (role.value, *role_keys(role, planned.home)) not in held[planned.key or 0]
            ]

    def without_doubles(self, rows: Iterable[tuple[Row, Any]]) -> Iterator[tuple[Row, Any]]:
        """Yield the first row of each tenant; another one must say the same."""
        first: dict[tuple[int, str], Row] = {}
        for row, home in rows:
            instance = home.instance_or_none if home else None
            known = first.setdefault((id(instance), row.id), row)
            if known is row:
                yield row, home
            elif not row.says_the_same(known):
                message = f'id: {row.level.label} "{row.id}" is another on line {known.line}'
                self.blame(row, "duplicate", message)

    def _with_owner(
        self, row: Row, home: Instance | None, owner: Instance | Organization
    ) -> PlannedTenant:
        changes = _changes(row, owner) if owner.pk else {}
        if row.name:
            owner.name = row.name
        return PlannedTenant(row, home, owner.pk, owner, changes)


def role_keys(role: Role, home: Home) -> tuple[int | None, int | None]:
    """Return the keys of the instance and organization in which a user of ``home`` holds a role."""
    instance = home.instance_or_none if home and role.level is not Level.SYSTEM else None
    organization = home if role.level is Level.ORGANIZATION else None
    return (instance.pk if instance else None), (organization.pk if organization else None)


def batches(items: Iterable[T]) -> Iterator[Sequence[T]]:
    """Yield the items in lists of BATCH."""
    iterator = iter(items)
    while batch := list(islice(iterator, BATCH)):
        yield batch


def _readings(text: str) -> list[tuple[str | None, str]]:
    """Return what a parent may mean as (instance or None, id): ids may hold slashes themselves."""
    rest = text.removeprefix(f"{Level.ORGANIZATION.label}:")
    slashes = [place for place, character in enumerate(rest) if character == "/"]
    return [*((rest[:place], rest[place + 1 :]) for place in slashes), (None, rest)]


def _changes(row: Row, stored: Any) -> dict[str, tuple[str, str]]:
    """Return the fields that a row changes: those it says, where they differ."""
    pairs = {name: (getattr(stored, name), getattr(row, name)) for name in UPDATED[row.level]}
    return {name: pair for name, pair in pairs.items() if pair[1] and pair[0] != pair[1]}
