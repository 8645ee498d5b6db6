"""What pytest needs to know about this suite. The cast of the tests is in tests/factories.py."""

import os
import signal
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import hypothesis
import pytest
from django.db import connection, transaction
from django.utils import translation
from playwright.sync_api import BrowserContext
from pytest_django.live_server_helper import LiveServer

from tenancy.levels import Level
from tenancy.models import Owner
from tenancy.services import find_owner
from tests.browsing import Visitor, sign_in
from tests.exchanging import Stage
from tests.factories import Cast, make_cast
from tests.programs import find_program
from tests.undoable import make_world

# The machine may be busy: how long an example takes says nothing.
hypothesis.settings.register_profile("suite", deadline=None)
hypothesis.settings.load_profile("suite")

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def pytest_configure() -> None:
    """Let SIGTERM end the tests as Ctrl-C does, which tears the fixtures down."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what runs beside the other database: a test that needs neither runs once."""
    for item in items:
        if "page" in getattr(item, "fixturenames", ()):
            item.add_marker("browser")
    elsewhere = {item for item in items if not _runs_here(item)}
    if elsewhere:
        config.hook.pytest_deselected(items=list(elsewhere))
        items[:] = [item for item in items if item not in elsewhere]


def _runs_here(item: pytest.Item) -> bool:
    """Whether a test is for this database and, where tests.__main__ parts them, for this part."""
    only = os.environ.get("STRATA_TESTS_ONLY", "")
    if item.get_closest_marker("postgresql"):
        return connection.vendor == "postgresql" and only != "once"
    if item.get_closest_marker("once") or not _asks_the_database(item):
        return connection.vendor == "sqlite" and only != "each"
    return only != "once"


def _asks_the_database(item: pytest.Item) -> bool:
    """Whether a test may ask the database: of any other, pytest-django would let it fail."""
    fixtures = {"db", "transactional_db"} & set(getattr(item, "fixturenames", ()))
    return bool(fixtures) or item.get_closest_marker("django_db") is not None


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Start the machine's own Chromium: Playwright's would have to be downloaded."""
    sentence = "browser tests need Chromium: apt-get install chromium"
    path = find_program(*BROWSERS, sentence=sentence)
    # It refuses its sandbox to root, and would otherwise call home at each start.
    options = ["--no-sandbox", "--disable-background-networking", "--disable-component-update"]
    return browser_type_launch_args | {"executable_path": path, "args": options}


@pytest.fixture(autouse=True)
def own_language() -> Iterator[None]:
    """Let each test begin in no language: a page leaves its own active in the thread."""
    yield
    translation.deactivate()


@pytest.fixture
def cast(kept_cast: Cast, db: None) -> Cast:
    """Give the cast that the module keeps, as a copy: what a test does to it, no other sees.

    A module whose tests commit makes a cast of its own: the kept one lives in a transaction.
    """
    return deepcopy(kept_cast)


@pytest.fixture
def stage(kept_stage: Stage, db: None) -> Stage:
    """Give the stage that the module keeps for impersonation, as a copy."""
    return deepcopy(kept_stage)


@pytest.fixture
def owner_at(cast: Cast) -> Callable[[Level], Owner | None]:
    """Return the owner at a level as a surface finds it: the system, main, acme or bob."""
    ids = {Level.ORGANIZATION: "acme", Level.USER: "bob"}
    return lambda level: find_owner(cast.instance, level, ids.get(level, ""))


@pytest.fixture
def visitor(cast: Cast, live_server: LiveServer, context: BrowserContext) -> Iterator[Visitor]:
    """Give root a browser at the admin's first page; any complaint of the browser fails."""
    sign_in(context, live_server.url, cast.root)
    visitor = Visitor(context.new_page(), live_server.url)
    visitor.open()
    yield visitor
    assert visitor.complaints == []


@pytest.fixture(scope="module")
def kept_cast(django_db_setup: None, django_db_blocker: Any) -> Iterator[Cast]:
    """Make the cast once for a module whose tests are many and short; each undoes what it did."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield make_cast()
        transaction.set_rollback(True)


@pytest.fixture(scope="module")
def kept_stage(kept_cast: Cast, django_db_blocker: Any) -> Stage:
    """Set a stage for impersonation once for a module."""
    with django_db_blocker.unblock():
        return Stage(kept_cast)


@pytest.fixture(scope="module")
def kept_world(kept_cast: Cast, django_db_blocker: Any) -> Any:
    """Make once for a module what every change that can be undone is made in."""
    with django_db_blocker.unblock():
        return make_world(kept_cast)
