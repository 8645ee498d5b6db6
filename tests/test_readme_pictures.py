"""The README's pictures of the admin, taken anew from the demo data at each run of the tests.

They are in test-results/readme; `cp test-results/readme/*.png docs/images/` renews those that the
README shows.
"""

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from access.actors import author_of
from config.settings import BASE_DIR
from features.models import Feature
from features.services import set_features
from tenancy.models import Instance, Organization, User
from tests.browsing import Visitor, sign_in
from tests.factories import ORIGIN

pytestmark = pytest.mark.once

PICTURES = BASE_DIR / "test-results/readme"


@pytest.fixture
def demo(transactional_db):
    """The demo data, with a few changes by its administrator."""
    printed = io.StringIO()
    call_command("demo", "--json", stdout=printed)
    admin = User.objects.get(username=json.loads(printed.getvalue())["admin"]["username"])
    acme, globex = (Organization.objects.get(name=name) for name in ("Acme", "Globex"))
    by: dict[str, Any] = {"actor": author_of(admin), "origin": ORIGIN}
    set_features(Instance.objects.get(), {"console_use_v2_user_api": True}, **by)
    set_features(acme, {"user_schema": True, "actions": False}, **by)
    set_features(globex, {"actions": True}, **by)
    set_features(User.objects.get(username="bob"), {"actions": True}, **by)
    return admin


def test_readme__its_pictures__are_of_pages_as_they_are(demo, live_server, browser):
    context = browser.new_context(viewport={"width": 1200, "height": 760}, reduced_motion="reduce")
    sign_in(context, live_server.url, demo)
    visitor = Visitor(context.new_page(), live_server.url)
    acme, bob = Organization.objects.get(name="Acme"), User.objects.get(username="bob")
    feature = Feature.objects.get(key="actions")
    pages = {
        "admin-grid": (f"/admin/owner/organization/{acme.pk}/features/", "Save changes"),
        "admin-feature": (f"/admin/features/feature/{feature.pk}/change/", "Where it is set"),
        "admin-explain-dark": (f"/admin/owner/user/{bob.pk}/explain/{feature.pk}/", "On, because"),
    }

    PICTURES.mkdir(parents=True, exist_ok=True)
    for name, (path, text) in pages.items():
        visitor.page.emulate_media(color_scheme="dark" if name.endswith("dark") else "light")
        visitor.open(path)
        visitor.page.get_by_text(text).first.wait_for()
        visitor.page.screenshot(path=PICTURES / f"{name}.png")

    shown = re.findall(r"\]\(docs/images/([\w-]+)\.png\)", Path(BASE_DIR / "README.md").read_text())
    assert set(shown) == pages.keys()
    assert visitor.complaints == []
    context.close()
