"""What migrations do to tables that servers are using meanwhile."""

from typing import Any

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations import AddIndex
from django.db.migrations.state import ProjectState


class AddIndexInPlace(AddIndexConcurrently):
    """Adds an index while others write on; its migration needs ``atomic = False``.

    PostgreSQL's ordinary way keeps every writer waiting until the index is made. SQLite has no
    other way.
    """

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Add it in the database's way."""
        self._way(schema_editor).database_forwards(
            self, app_label, schema_editor, from_state, to_state
        )

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Remove it in the database's way."""
        self._way(schema_editor).database_backwards(
            self, app_label, schema_editor, from_state, to_state
        )

    def _way(self, schema_editor: BaseDatabaseSchemaEditor) -> Any:
        is_postgresql = schema_editor.connection.vendor == "postgresql"
        return AddIndexConcurrently if is_postgresql else AddIndex
