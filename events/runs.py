"""Beginning and ending a run, the row that binds the events of one action."""

from django.utils import timezone

from events.models import Run, RunState
from events.services import ACTOR_NAME_LENGTH, Author, Origin


def new_run(
    kind: str,
    *,
    actor: Author,
    origin: Origin,
    undoes: str = "",
    source: str = "",
    batch_size: int = 0,
) -> Run:
    """Return a run that has not begun; what carries it out saves it."""
    return Run(
        kind=kind,
        state=RunState.RUNNING,
        actor_type=actor.type,
        actor_id=actor.id,
        actor_name=actor.name[:ACTOR_NAME_LENGTH],
        surface=origin.surface,
        reason=origin.reason,
        undoes=undoes,
        source=source,
        batch_size=batch_size,
        started_at=timezone.now(),
    )


def finish_run(run: Run) -> None:
    """Save a run that has come to its end."""
    run.state = RunState.PARTLY if run.errors else RunState.DONE
    run.finished_at = timezone.now()
    run.save()
