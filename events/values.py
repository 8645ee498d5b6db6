"""What events hold, for the filters of queries."""

from typing import Any

from django.db.models import CharField, Func


class TextOf(Func):
    """The text that a JSON column holds, on both databases alike; other values match no text."""

    output_field = CharField()
    arity = 1

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        """Take the text out as SQLite does."""
        template = "JSON_EXTRACT(%(expressions)s, '$')"
        return self.as_sql(compiler, connection, template=template, **extra)

    def as_postgresql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        """Take the text out as PostgreSQL does."""
        return self.as_sql(compiler, connection, template="(%(expressions)s #>> '{}')", **extra)
