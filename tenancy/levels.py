"""The levels of inheritance. Pure: no Django."""

from enum import IntEnum


class Level(IntEnum):
    """A level, numbered as its Source on the wire; a higher number is nearer and wins.

    DEFAULT is not a level that anyone owns: it is what a definition says when nobody set anything.
    The gap at 5 and 6 is reserved on the wire for projects and applications.
    """

    DEFAULT = 1
    SYSTEM = 2
    INSTANCE = 3
    ORGANIZATION = 4
    USER = 7

    @property
    def label(self) -> str:
        """The level's name in lower case, as commands and messages write it."""
        return self.name.lower()

    @classmethod
    def from_label(cls, label: str) -> "Level":
        """Return the owned level of that name. KeyError for any other text."""
        return _BY_LABEL[label]


OWNED_LEVELS = (Level.SYSTEM, Level.INSTANCE, Level.ORGANIZATION, Level.USER)
_BY_LABEL = {level.label: level for level in OWNED_LEVELS}
