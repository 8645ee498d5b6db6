"""What pytest needs to know about this suite. The cast of the tests is in tests/factories.py."""

import pytest
from django.db import connection


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out, on PostgreSQL, the tests that run once: they do not depend on the database."""
    if connection.vendor == "sqlite":
        return
    once = [item for item in items if item.get_closest_marker("once")]
    if once:
        config.hook.pytest_deselected(items=once)
        items[:] = [item for item in items if item not in once]
