"""Override rows say where their owner belongs, whichever way they were written."""

import pytest

from events.models import Event
from features.models import OrganizationOverride, UserOverride
from features.services import lock_feature, reset_features, set_features
from tenancy.models import User
from tests.admin_forms import field, form_of, grid_of, sign_in
from tests.factories import BY
from tests.planning import make_plan, row
from tests.replay import misplaced
from tests.rest import RootApi, send
from tests.test_features_bulk import shell

pytestmark = pytest.mark.django_db
FEATURE = "user_schema"
OWNERS = ("bob", "carol", "root")


def by_service(client, cast, tmp_path):
    for owner in owners_of(cast):
        set_features(owner, {FEATURE: True}, **BY)
        lock_feature(owner, FEATURE, **BY)


def by_api(client, cast, tmp_path):
    api = RootApi(client, cast)
    api("PUT", "/v2/features/organization/acme", {"userSchema": True})
    for name in ("bob", "carol"):
        api("PUT", f"/v2/features/user/{name}", {"userSchema": True})
    set_features(cast.root, {FEATURE: True}, **BY)


def by_grid(client, cast, tmp_path):
    sign_in(client, cast.root)
    for owner in owners_of(cast):
        client.post(grid_of(owner), form_of(client, owner) | {field(FEATURE): "on"})


def by_command(client, cast, tmp_path):
    file = tmp_path / "rows.csv"
    rows = ["level,owner,feature,value", f"organization,main/acme,{FEATURE},on"]
    rows += [f"user,main/{name},{FEATURE},on" for name in ("bob", "carol")]
    file.write_text("\n".join([*rows, f"user,user:root,{FEATURE},on"]))
    assert shell("features_bulk", str(file))[0] == 0


def by_plan(client, cast, tmp_path):
    api = RootApi(client, cast)

    def call(verb, path, body=None):
        return send(client, verb, f"/api/v1/{path}", body, api.token)

    rows = [row(name, True) for name in ("bob", "carol")]
    plan = make_plan(call, row("acme", True, level="organization"), *rows)
    assert call("POST", f"plans/{plan['id']}/apply", {}).json()["state"] == "applied"
    set_features(cast.root, {FEATURE: True}, **BY)


def by_undo(client, cast, tmp_path):
    api = RootApi(client, cast)
    for owner in owners_of(cast):
        set_features(owner, {FEATURE: True}, **BY)
        reset_features(owner, **BY)
        if owner != cast.root:
            event = Event.objects.latest("pk")
            answer = api("POST", f"/api/v1/events/{event.pk}/undo", {})
            assert answer.status_code == 200, answer.content
    set_features(cast.root, {FEATURE: True}, **BY)


def by_undone_run(client, cast, tmp_path):
    by_command(client, cast, tmp_path)
    for _ in range(2):
        run = str(Event.objects.latest("pk").run)
        assert shell("features_undo", "--run", run, "--yes")[0] == 0


WAYS = (by_service, by_api, by_grid, by_command, by_plan, by_undo, by_undone_run)


@pytest.mark.parametrize("write", WAYS)
def test_override__written_in_any_way__is_where_its_owner_is(client, cast, tmp_path, write):
    write(client, cast, tmp_path)

    assert OrganizationOverride.objects.get().owner == cast.acme
    assert set(UserOverride.objects.values_list("owner__username", flat=True)) == set(OWNERS)
    assert misplaced() == []


def owners_of(cast):
    return [*User.objects.filter(username__in=OWNERS), cast.acme]
