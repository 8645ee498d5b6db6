"""How far an actor's permissions reach, for rows by the million: the policy, said in a join."""

from dataclasses import dataclass

from django.db.models import Q

from access.actors import Actor
from access.permissions import Action, Permission
from access.policy import granted_keys, writable
from tenancy.levels import Level

COLUMNS = {Level.INSTANCE: "instance_id", Level.ORGANIZATION: "organization_id"}


@dataclass(frozen=True)
class Reach:
    """The owners whose features an actor may set; to the actor's rows there are no others."""

    actor: Actor

    def owners(self, level: Level) -> Q:
        """Return the filter of a level's owners."""
        return writable(self.actor, level)

    def targets(self, level: Level) -> str:
        """Return the same as a condition of the columns of bulk_target; NULL is no."""
        keys = granted_keys(self.actor, Permission.on_features(level, Action.WRITE))
        if Level.SYSTEM in keys:
            return "true"
        conditions = [
            f"{COLUMNS[above]} IN ({', '.join(map(str, sorted(held)))})"
            for above, held in keys.items()
        ]
        return " OR ".join(conditions) or "false"
