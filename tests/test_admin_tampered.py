"""Forms of the admin as no browser sends them: each is refused or read, and none fails."""

from urllib.parse import urlencode

import pytest

from tests.admin_forms import field, form_of, grid_of, own
from tests.factories import make_cast


@pytest.fixture
def cast(db, client):
    cast = make_cast()
    client.force_login(cast.root)
    return cast


@pytest.mark.parametrize("number", ["", "-1", "²", "9" * 19, "9" * 5000])
def test_grid__number_of_no_feature__saves_nothing_and_says_so(cast, client, number):
    form = form_of(client, cast.bob) | {field("actions"): "on", f"choice-{number}": "on"}

    response = client.post(
        grid_of(cast.bob), urlencode(form, doseq=True), "application/x-www-form-urlencoded"
    )

    assert "One of the features does not exist any more" in response.content.decode()
    assert own(cast.bob) == {}


@pytest.mark.parametrize("held", ["5", "null", '{"a": 1}', "no JSON", "[" * 100_000])
def test_grid__set_that_held_no_set__is_a_conflict_and_saves_nothing(cast, client, held):
    form = form_of(client, cast.bob) | {
        field("improved_performance"): "set",
        field("improved_performance", "value"): ["IMPROVED_PERFORMANCE_PROJECT"],
        field("improved_performance", "was"): held,
    }

    response = client.post(grid_of(cast.bob), form)

    assert response.context["has_conflicts"]
    assert own(cast.bob) == {}
