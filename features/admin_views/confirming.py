"""How much must be asked before a change: the wider it is, the more."""

from dataclasses import dataclass

from django.http import HttpRequest

from access.pages import count_below
from tenancy.levels import Level
from tenancy.models import Owner

MANY = 100


@dataclass(frozen=True)
class Question:
    """What must be confirmed. ``word`` is typed where the change is wide, sent along elsewhere."""

    word: str
    is_wide: bool
    turns_off: bool
    below: int
    many: int = MANY

    def is_answered(self, request: HttpRequest) -> bool:
        """Whether the request holds the confirmation."""
        return bool(request.POST.get("confirm", "").strip().lower() == self.word.lower())


def question_about(owner: Owner, *, turns_off: bool, always: bool = False) -> Question | None:
    """Return what must be asked before a change of one owner; None: nothing.

    A user's own settings ask for nothing, unless ``always``. The system, and owners from whom more
    than a hundred inherit, have their level's name typed; others are asked when something goes off.
    """
    below = count_below(owner)
    is_wide = owner.level is Level.SYSTEM or below > MANY
    if not (is_wide or always or (turns_off and below)):
        return None
    return Question(owner.level.label if is_wide else "yes", is_wide, turns_off, below)
