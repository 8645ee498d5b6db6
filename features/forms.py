"""What people type into the feature grid, turned into a change set."""

import json
from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext as _

from access.typed import MAX_REASON
from features.definitions import Definition, Definitions
from features.kinds import Boolean, Choice, ChoiceSet, InvalidValue, Kind, String
from features.planning import INHERIT, ChangeSet
from features.resolution import Override
from tenancy.identifiers import read_key
from tenancy.translation import translate

INHERITED = "inherit"


def canonical(value: Any) -> str:
    """Return a value as the text by which the grid tells whether it was changed."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def state_of(override: Override | None) -> str:
    """Return what an owner sets as one text, for the hidden field of a row."""
    return canonical(override.value) if override else INHERITED


@dataclass
class Entry:
    """One row as it was posted: what was chosen, typed, and there when the page was made."""

    definition: Definition
    choice: str
    typed: str
    picked: list[str]
    was: str
    value: Any = INHERIT
    error: str = ""

    @property
    def state(self) -> str:
        """What was asked for, in the form of `state_of`."""
        return INHERITED if self.value is INHERIT else canonical(self.value)

    @property
    def is_changed(self) -> bool:
        """Whether somebody changed the row; a row that cannot be read is one."""
        return bool(self.error) or self.state != self.was

    def read(self) -> None:
        """Turn what was typed into a value, or say why it is none."""
        kind = self.definition.kind
        try:
            if self.choice == "set":
                self.value = _parse_typed(kind, self)
            elif self.choice in {"on", "off"} and isinstance(kind, Boolean):
                self.value = self.choice == "on"
            elif self.choice != INHERITED:
                self.error = _("Choose one of the values that are offered.")
            elif any(text.strip() for text in self.picked) and self.was == INHERITED:
                self.error = _("A value was typed, but “Inherit” is chosen. Choose “Set to”.")
        except InvalidValue as error:
            self.error = translate(error)


@dataclass
class GridForm:
    """A posted feature grid. Only its changed rows count; `errors` are about the whole form."""

    entries: dict[int, Entry] = field(default_factory=dict)
    reason: str = ""
    sequence: int = 0
    errors: list[str] = field(default_factory=list)

    @property
    def changed(self) -> list[Entry]:
        """The rows that somebody changed."""
        return [entry for entry in self.entries.values() if entry.is_changed]

    @property
    def is_valid(self) -> bool:
        """Whether every changed row has a value."""
        return not self.errors and not any(entry.error for entry in self.entries.values())

    @property
    def change_set(self) -> ChangeSet:
        """What to write: the changed rows, and no other."""
        return {entry.definition.key: entry.value for entry in self.changed}


def read_grid(posted: QueryDict, definitions: Definitions) -> GridForm:
    """Read a posted grid. What was tampered with becomes an error, never a write."""
    form = GridForm(reason=posted.get("reason", "").strip())
    if len(form.reason) > MAX_REASON:
        form.errors.append(_("A reason has at most 1,000 characters."))
    try:
        form.sequence = int(posted.get("sequence", ""))
    except ValueError:
        form.errors.append(_("The form is not complete. Load the page again."))
    for name in posted:
        prefix, _dash, number = name.partition("-")
        if prefix != "choice":
            continue
        definition = definitions.by_id.get(read_key(number))
        if definition is None:
            form.errors.append(_("One of the features does not exist any more. Nothing was saved."))
            continue
        entry = Entry(
            definition,
            posted.get(name, ""),
            posted.get(f"value-{number}", ""),
            posted.getlist(f"value-{number}"),
            posted.get(f"was-{number}", INHERITED),
        )
        entry.read()
        form.entries[definition.id] = entry
    return form


def _parse_typed(kind: Kind, entry: Entry) -> Any:
    """Return the value of a row of any kind but boolean. InvalidValue says what is wrong."""
    if isinstance(kind, ChoiceSet):
        return kind.parse(_in_known_order(entry))
    if isinstance(kind, String | Choice):
        return kind.parse(entry.typed.replace("\r\n", "\n"))
    if isinstance(kind, Boolean):
        raise InvalidValue(("", _("must be on or off")))
    return kind.parse_text(entry.typed)


def _in_known_order(entry: Entry) -> list[str]:
    """Return the picked names in the order that they had; boxes say nothing about order."""
    try:
        before = json.loads(entry.was)
    except (ValueError, RecursionError):
        before = None
    if not isinstance(before, list):  # nothing was set, or the form was tampered with
        return entry.picked
    known = [name for name in before if name in entry.picked]
    return known + [name for name in entry.picked if name not in known]
