"""What a request costs, in the steps that SQLite takes for it: the same on every machine."""

from typing import Any

import pytest
from django.db import connection

from api.pagination import DEFAULT_LIMIT

counts_steps = pytest.mark.skipif(
    connection.vendor != "sqlite", reason="counts the steps of SQLite"
)


def count_steps(api: Any, path: str, *, rows: int | None = DEFAULT_LIMIT, **headers: str) -> int:
    """Return by how many tens of its steps SQLite made a page, a full one unless that is said."""
    counted: list[None] = []
    connection.ensure_connection()
    connection.connection.set_progress_handler(lambda: counted.append(None), 10)
    answer = api("GET", path, **headers)
    connection.connection.set_progress_handler(None, 0)
    assert rows is None or len(answer.json()["results"]) == rows
    return len(counted)
