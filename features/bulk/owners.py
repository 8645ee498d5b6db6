"""Whom a row means: the texts that name an owner, read without a query for each."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from features.bulk.wanted import OwnerKey
from features.raw import is_storable_text
from tenancy.identifiers import PUBLIC_ID_MAX_LENGTH
from tenancy.levels import Level
from tenancy.models import Instance

REMEMBERED = 10_000  # instances kept in memory

Found = tuple[int | None, str, str | None]


@dataclass
class OwnerFinder:
    """Reads owners as they stand in a row: ``ID``, ``INSTANCE/ID``, or the whole reference.

    ``within`` an instance, there are only the system, that instance and what is in it.
    """

    within: Instance | None = None
    _instances: dict[str, int | None] = field(default_factory=dict)
    _only: OwnerKey | None = None

    def __post_init__(self) -> None:
        if self.within:
            self._only_instance: int | None = self.within.pk
            self._instances[self.within.public_id] = self.within.pk
            return
        first_two = list(Instance.objects.order_by("pk")[:2])
        self._only_instance = first_two[0].pk if len(first_two) == 1 else None

    def read(self, level: str, text: str) -> Found | str:
        """Return the likeliest owner: instance, id, and the text itself if it could be another.

        Or what is wrong with the text; "" where the level itself is wrong.
        """
        if text.isalnum() and self._only_instance and level in {"user", "organization"}:
            return self._only_instance, text, None  # nearly every row
        meanings = list(self.meanings(level, text))
        if meanings:
            return *meanings[0], text if len(meanings) > 1 else None
        return self._complain(level.strip().lower(), text)

    def find_plain(self, levels: Sequence[str], owners: Sequence[str]) -> int | None:
        """Return the one instance in which all the owners are to be looked up by their ids.

        None where one of them could be written or meant otherwise.
        """
        text = "".join(owners)
        is_plain = text.isprintable() and not any(mark in text for mark in "/:\\'")
        if is_plain and "" not in owners and set(levels) <= {"user", "organization"}:
            return self._only_instance
        return None

    def meanings(self, level_text: str, text: str) -> Iterator[OwnerKey]:
        """Yield every owner that the text could mean, the likeliest first."""
        label = level_text.strip().lower()
        try:
            level = Level.from_label(label)
        except KeyError:
            return
        if level is Level.SYSTEM:
            if text.strip().lower() in {"", label}:
                yield OwnerKey(None, "SYSTEM")
            return
        if not is_storable_text(text):
            return
        if level is Level.INSTANCE and not text.strip():
            yield from self._instance_meant("")
        for rest in filter(None, _without_label(label, text)):
            if level is Level.INSTANCE:
                yield from self._instance_meant(rest)
                continue
            for position, character in enumerate(rest[: PUBLIC_ID_MAX_LENGTH + 1]):
                if character == "/" and (instance := self.find_instance(rest[:position])):
                    yield OwnerKey(instance, rest[position + 1 :])
            if self._only_instance:
                yield OwnerKey(self._only_instance, rest)
            if level is Level.USER and not self.within:
                yield OwnerKey(None, rest)

    def _instance_meant(self, public_id: str) -> Iterator[OwnerKey]:
        """Yield the instance of that id; within one, it is meant by no id as well."""
        if self.within is None:
            if public_id:
                yield OwnerKey(None, public_id)
        elif public_id in {"", self.within.public_id}:
            yield OwnerKey(None, self.within.public_id)

    def find_instance(self, public_id: str) -> int | None:
        """Return the primary key of the instance of that id, or None."""
        if public_id not in self._instances:
            if self.within:
                return None
            if len(self._instances) >= REMEMBERED:
                self._instances.clear()
            self._instances[public_id] = (
                Instance.objects.filter(public_id=public_id).values_list("pk", flat=True).first()
            )
        return self._instances[public_id]

    def _complain(self, label: str, text: str) -> str:
        if label == Level.SYSTEM.label:
            return f'the system has no owner "{text}": leave it empty'
        if label not in {"instance", "organization", "user"}:
            return ""
        if not text.strip():
            return f"the {label} is missing"
        if not is_storable_text(text):
            return f"the {label}'s id is not valid text"
        return f'there is no {label} "{text}": write INSTANCE/ID, there are several instances'


def _without_label(label: str, text: str) -> list[str]:
    """Return the text without ``user:`` and the like before it, then as it stands."""
    rest = text.removeprefix(f"{label}:")
    return [text] if rest == text else [rest, text]
