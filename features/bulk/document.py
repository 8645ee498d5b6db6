"""The state as a document that people edit and keep in git: definitions, and what every owner sets.

It is written in one order, so that two exports of one state are the same bytes, and a value at a
time, so that its size costs no memory. A JSON document is YAML as well, so one reader reads both.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

from django.db import connection

from features.bulk.workspace import is_postgresql, read_json
from features.defining import FIELDS
from features.definitions import current_definitions
from features.models import OVERRIDES, Feature
from tenancy.levels import Level
from tenancy.models import Instance

VERSION = 1
NOT_WRITTEN_IF: dict[str, Any] = {
    "enabled": True,
    "expires_on": None,
    "options": {},
    "description": "",
}
Write = Callable[[str], object]


class YamlWriter:
    """Writes nested mappings as YAML; ids and values as JSON, which YAML 1.1 reads the same."""

    def __init__(self, write: Write) -> None:
        self.write = write
        self.pending: list[str] = []  # mappings that are open and have nothing in them yet
        self.depth = 0

    def open(self, key: str) -> None:
        """Begin a mapping; it is written once there is something in it."""
        self.pending.append(f"{'  ' * self.depth}{_plain(key)}:\n")
        self.depth += 1

    def close(self) -> None:
        """End the innermost mapping."""
        self.depth -= 1
        if self.pending:
            self.pending.pop()

    def leaf(self, key: str, value: Any) -> None:
        """Write a key with its value."""
        self._begin()
        self.write(f"{'  ' * self.depth}{_plain(key)}: {write_json(value)}\n")

    def end(self) -> None:
        """Write what remains."""

    def _begin(self) -> None:
        for line in self.pending:
            self.write(line)
        self.pending.clear()


class JsonWriter(YamlWriter):
    """Writes the same as JSON, a value on each line."""

    def __init__(self, write: Write) -> None:
        super().__init__(write)
        self.is_first = [True]
        self.opened = 0
        self.keys: list[str] = []
        write("{")

    def open(self, key: str) -> None:
        self.keys.append(key)

    def close(self) -> None:
        self.keys.pop()
        if self.opened > len(self.keys):
            self._end_one()

    def leaf(self, key: str, value: Any) -> None:
        while self.opened < len(self.keys):
            self._member(f"{write_json(self.keys[self.opened])}: {{")
            self.opened += 1
            self.is_first.append(True)
        self._member(f"{write_json(key)}: {write_json(value)}")

    def end(self) -> None:
        self.write("\n}\n")

    def _member(self, text: str) -> None:
        comma = "" if self.is_first[-1] else ","
        self.is_first[-1] = False
        self.write(f"{comma}\n{'  ' * (self.opened + 1)}{text}")

    def _end_one(self) -> None:
        self.opened -= 1
        self.is_first.pop()
        self.write(f"\n{'  ' * (self.opened + 1)}}}")


WRITERS: dict[str, type[YamlWriter]] = {"yaml": YamlWriter, "json": JsonWriter}


def export_document(write: Write, format_name: str, instance: Instance | None = None) -> None:
    """Write the whole state, or one instance's with the definitions, without the system's."""
    out = WRITERS[format_name](write)
    out.leaf("strata", VERSION)
    out.open("definitions")
    for row in sorted(Feature.objects.filter(archived_at=None), key=lambda row: row.key):
        if fields := _definition_fields(row):
            out.open(row.key)
            for name, value in fields.items():
                out.leaf(name, value)
            out.close()
    out.close()
    if instance is None:
        _export_level(out, Level.SYSTEM, "system", None)
        _export_level(out, Level.USER, "operators", None)
    out.open("instances")
    # Sorted here: databases sort by their own languages.
    chosen = [instance] if instance else sorted(Instance.objects.all(), key=lambda i: i.public_id)
    for one in chosen:
        out.open(one.public_id)
        _export_level(out, Level.INSTANCE, "features", one)
        _export_level(out, Level.ORGANIZATION, "organizations", one)
        _export_level(out, Level.USER, "users", one)
        out.close()
    out.close()
    out.end()


def _definition_fields(row: Feature) -> dict[str, Any]:
    """Return what the document says of a definition: of a built-in, only what was changed."""
    names = ("enabled", "expires_on") if row.builtin else FIELDS
    fields = {name: getattr(row, name) for name in names}
    fields = {n: v for n, v in fields.items() if n not in NOT_WRITTEN_IF or v != NOT_WRITTEN_IF[n]}
    if "levels" in fields:
        fields["levels"] = [Level(number).label for number in fields["levels"]]
    if "expires_on" in fields:
        fields["expires_on"] = fields["expires_on"].isoformat()
    return fields


def _export_level(out: YamlWriter, level: Level, section: str, instance: Instance | None) -> None:
    """Write what the owners of a level set: at once for the system and an instance itself."""
    is_single = level in {Level.SYSTEM, Level.INSTANCE}
    owner = ""
    out.open(section)
    for public_id, feature, value, locked in _read_overrides(level, instance):
        if not is_single and public_id != owner:
            if owner:
                out.close()
            out.open(public_id)
            owner = public_id
        state = {"value": read_json(value)} | ({"locked": True} if locked else {})
        out.leaf(feature, state)
    if owner:
        out.close()
    out.close()


def _read_overrides(level: Level, instance: Instance | None) -> Iterator[tuple[Any, ...]]:
    """Yield id, feature, value and lock of a level's overrides in order, a few at a time.

    Ordered by the bytes of the ids, which is the same on every database.
    """
    owners = {
        Level.SYSTEM: ("tenancy_system", "'SYSTEM'", "true"),
        Level.INSTANCE: ("tenancy_instance", "o.public_id", "o.id = %s"),
        Level.ORGANIZATION: ("tenancy_organization", "o.public_id", "o.instance_id = %s"),
        Level.USER: ("tenancy_user", "o.public_id", "o.instance_id = %s"),
    }
    table, public_id, condition = owners[level]
    if level is Level.USER and instance is None:
        condition = "o.instance_id IS NULL"
    by_bytes = ' COLLATE "C"' if is_postgresql() else ""
    ids = ", ".join(str(definition.id) for definition in current_definitions().ordered)
    sql = f"""
        SELECT {public_id} AS public_id, f.key, v.value, v.locked
        FROM {OVERRIDES[level]._meta.db_table} v JOIN {table} o ON o.id = v.owner_id
        JOIN features_feature f ON f.id = v.feature_id
        WHERE v.feature_id IN ({ids}) AND {condition}
        ORDER BY {public_id}{by_bytes}, f.key{by_bytes}
    """
    parameters = [instance.pk] if instance and "%s" in condition else []
    with connection.chunked_cursor() as cursor:
        cursor.execute(sql, parameters)
        while rows := cursor.fetchmany(2000):
            yield from rows


def write_json(value: Any) -> str:
    """Return a value as JSON that YAML reads the same: on one line, nothing unprintable in it."""
    text = json.dumps(value, ensure_ascii=False)
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() or character > "\uffff" else f"\\u{ord(character):04x}"
        for character in text
    )


def _plain(key: str) -> str:
    """Return a key as YAML takes it for a text: plain where it is one of ours, else quoted."""
    is_ours = key.isascii() and key.replace("_", "a").isalpha() and key.islower()
    return key if is_ours and key not in YAML_WORDS else write_json(key)


YAML_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}
