"""The list of overrides: what each caller sees of it, and that it reads nothing else."""

from typing import Any
from urllib.parse import urlencode

import pytest
from django.utils import timezone

from access.actors import actor_for
from access.permissions import Role
from access.policy import may_see
from access.services import grant_role
from api.pagination import DEFAULT_LIMIT
from api.views import base as view
from api.views.overrides import make_cursor
from features.models import OVERRIDES, Feature, UserOverride
from features.services import lock_feature, set_features
from tenancy.levels import Level
from tenancy.models import System, User
from tenancy.services import create_instance, create_organization, create_user
from tests.factories import BY, make_cast, make_holder, token_for
from tests.rest import RootApi
from tests.sqlite_steps import count_steps, counts_steps

pytestmark = pytest.mark.django_db

FEATURES = ("user_schema", "actions")
CALLERS = (
    *("root", "iam owner", "user manager", "org owner", "settings manager", "two organizations"),
    *("one here and one elsewhere", "nobody"),
)
FILTERS: tuple[dict[str, str], ...] = (
    *({}, {"level": "user"}, {"level": "organization"}, {"feature": "actions"}, {"locked": "true"}),
    *({"locked": "false", "level": "user"}, {"feature": "user_schema", "locked": "true"}),
    {"owner": "user:bob"},
)


def make_callers(cast, elsewhere):
    """Return users who may see more or less, by what they are."""
    several = make_holder(Role.ORG_OWNER, cast.acme, "several")
    grant_role(several, Role.ORG_OWNER_VIEWER, cast.globex, **BY)
    operator = User.objects.create_user("operator")
    for organization in (cast.globex, elsewhere):
        grant_role(operator, Role.ORG_OWNER, organization, **BY)
    made = (
        cast.root,
        make_holder(Role.IAM_OWNER, cast.instance),
        make_holder(Role.IAM_USER_MANAGER, cast.instance),
        cast.alice,
        make_holder(Role.ORG_SETTINGS_MANAGER, cast.acme),
        several,
        operator,
        cast.carol,
    )
    return dict(zip(CALLERS, made, strict=True))


@pytest.fixture
def world():
    """Return the cast and the callers, where all sorts of owners set something in turns."""
    cast = make_cast()
    other = create_instance("Other", domains=["other.example"])
    elsewhere = create_organization(other, "Elsewhere")
    foreign = create_user(elsewhere, "foreign")
    dave = create_user(cast.acme, "dave", public_id="dave")
    callers = make_callers(cast, elsewhere)
    users = [cast.bob, foreign, cast.carol, cast.root, dave, cast.alice]
    wider = [elsewhere, cast.globex, cast.acme, other, cast.instance, System()]
    for key in FEATURES:
        for owner in [*users, *wider]:
            set_features(owner, {key: True}, **BY)
    for owner in (cast.bob, foreign, dave, cast.globex):
        lock_feature(owner, "actions", **BY)
    return cast, callers


def expected(actor, instance, asked):
    """Return the list, row by row, by asking the policy for each row there is."""
    found = []
    for level, model in OVERRIDES.items():
        manager: Any = model._default_manager  # the owner's foreign key differs by table
        for row in manager.select_related("owner", "feature").order_by("feature_id", "pk"):
            said = {
                "level": level.label,
                "feature": row.feature.key,
                "locked": str(row.locked).lower(),
                "owner": f"{level.label}:{row.owner.public_id}",
            }
            is_here = level is Level.SYSTEM or row.owner.instance_or_none == instance
            if (
                is_here
                and may_see(actor, row.owner)
                and all(said[name] == value for name, value in asked.items())
            ):
                found.append((row.owner.reference, row.feature.key, row.locked))
    return found


def read_pages(api, asked, limit):
    """Return all pages of the list, one behind the other."""
    found: list[Any] = []
    cursor: str | None = ""
    while cursor is not None:
        query = urlencode(asked | {"limit": limit, "cursor": cursor})
        response = api("GET", f"/api/v1/overrides?{query}")
        if response.status_code == 403:
            return None
        page = response.json()
        assert len(page["results"]) <= limit
        found += [(row["owner"], row["feature"], row["locked"]) for row in page["results"]]
        cursor = page["next"]
    return found


@pytest.mark.parametrize("name", CALLERS)
def test_overrides__each_filter__is_what_the_policy_lets_through_in_order(client, world, name):
    cast, callers = world
    api = RootApi(client, cast)
    api.token = token_for(callers[name])

    for asked in FILTERS:
        wanted = expected(actor_for(callers[name]), cast.instance, asked)
        found = read_pages(api, asked, limit=2)
        assert found == wanted or (found is None and not wanted), asked


def test_overrides__more_organizations_than_are_read_apart__are_the_same(
    client, world, monkeypatch
):
    monkeypatch.setattr(view, "MERGED", 1)
    cast, callers = world
    api = RootApi(client, cast)
    api.token = token_for(callers["two organizations"])
    actor = actor_for(callers["two organizations"])

    for asked in FILTERS:
        assert read_pages(api, asked, limit=2) == expected(actor, cast.instance, asked)


def fill(organization, number, name):
    """Let many users of an organization set a feature, and every other of them lock it."""
    instance = organization.instance
    users = User.objects.bulk_create(
        User(
            instance=instance,
            organization=organization,
            public_id=f"{name}{n}",
            username=f"{name}{n}",
        )
        for n in range(number)
    )
    UserOverride.objects.bulk_create(
        UserOverride(
            owner=user,
            instance=instance,
            organization=organization,
            feature=Feature.objects.get(key="actions"),
            value=True,
            locked=n % 2 == 0,
            changed_at=timezone.now(),
        )
        for n, user in enumerate(users)
    )


def far_page():
    """Return the cursor before the last pages of the users of acme."""
    rows = UserOverride.objects.filter(organization__public_id="acme")
    return make_cursor(rows.order_by("-feature_id", "-pk")[2 * DEFAULT_LIMIT])


QUERIES = ("", "&feature=actions", "&locked=false", "&locked=true", "&feature=actions&locked=true")


def steps_of_pages(api):
    """Return the steps of the first and of the last pages of users' overrides, by their query."""
    far = f"&cursor={far_page()}"
    path = "/api/v1/overrides?level=user"
    count_steps(api, path)  # once, for what is kept from then on
    return {query: [count_steps(api, path + query + at) for at in ("", far)] for query in QUERIES}


@counts_steps
@pytest.mark.parametrize("caller", ["root", "iam_owner", "org_owner"])
def test_overrides__few_beside_many_of_others__take_no_more_steps(client, caller):
    cast = make_cast()
    other = create_organization(create_instance("Other", domains=["other.example"]), "Other")
    others = cast.globex if caller == "org_owner" else other
    api = RootApi(client, cast)
    holders = {"root": cast.root, "org_owner": cast.alice}
    api.token = token_for(holders.get(caller) or make_holder(Role.IAM_OWNER, cast.instance))
    steps = []

    for number in (20, 1000):
        UserOverride.objects.all().delete()
        fill(others, number, f"of{number}-")
        fill(cast.acme, 120, f"mine{number}-")
        steps.append(steps_of_pages(api))

    beside_few, beside_many = steps
    for query in QUERIES:
        for few, many in zip(beside_few[query], beside_many[query], strict=True):
            assert many < 1.5 * few, query


@counts_steps
@pytest.mark.parametrize("caller", ["root", "org_owner", "both"])
def test_overrides__last_page_of_many__takes_no_more_steps_than_the_first(client, caller):
    cast = make_cast()
    if caller == "both":
        grant_role(cast.alice, Role.ORG_OWNER, cast.globex, **BY)
    api = RootApi(client, cast)
    api.token = token_for(cast.root if caller == "root" else cast.alice)
    for organization in (cast.globex, cast.acme):
        fill(organization, 800, organization.public_id)

    for query, (first, last) in steps_of_pages(api).items():
        assert last < 1.5 * first, query
