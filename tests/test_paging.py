"""All pages of a list, one behind the other, are the list: whoever asks, for what, in any order."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import cycle
from random import Random
from typing import Any
from unittest.mock import patch
from urllib.parse import urlencode
from uuid import UUID

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from access.authentication import find_token
from access.models import Membership
from access.permissions import Role
from access.policy import IN_ORGANIZATIONS, OF_INSTANCES, SEEN_IN
from access.services import grant_role
from api.views import base
from api.views import events as events_view
from events.models import Event
from events.services import Author, Entry, StreamKey, append
from tenancy.levels import Level
from tenancy.models import System, User
from tenancy.services import create_instance, create_organization, create_user
from tests.factories import BY, ORIGIN, make_cast, make_client, make_holder, token_for
from tests.rest import RootApi

pytestmark = pytest.mark.django_db

START = datetime(2026, 1, 1, tzinfo=UTC)
RUN = UUID(int=7)
NAMES = ("Ångström", "a-b", "A B", "ab", "", "zoë", "Zoe", "_x", "~", "same", "same", "same")
LISTED_ROLES = ("ORG_OWNER", "ORG_OWNER_VIEWER", "IAM_USER_MANAGER", "SYSTEM_OWNER_VIEWER")
KINDS = {
    Level.SYSTEM: ("",),
    Level.INSTANCE: ("", "tenant", "security"),
    Level.ORGANIZATION: ("", "tenant"),
    Level.USER: ("", "tenant", "token", "roles"),
}
CALLERS = ("root", "viewer", "both", "owner", "several", "astray", "operator", "client", "nobody")
EVENT_FILTERS = {
    "feature": ("one", "two", "none"),
    "type": ("features.set", "features.lock"),
    "actor": ("ann", "ben"),
    "run": (str(RUN),),
    "since": tuple((START + timedelta(hours=n)).isoformat() for n in (1, 2)),
    "until": tuple((START + timedelta(hours=n)).isoformat() for n in (1, 2)),
    "owner": (
        *("system", "instance", "organization:acme", "organization:globex", "organization:x"),
        *("user:bob", "user:carol", "user:root", "user:nobody"),
    ),
}

walks = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def make_callers(cast, elsewhere):
    """Return tokens of who may see more or less, some of it twice over."""
    both = make_holder(Role.ORG_OWNER, cast.acme, "both")
    grant_role(both, Role.IAM_USER_MANAGER, cast.instance, **BY)
    several = make_holder(Role.ORG_USER_MANAGER, cast.acme, "several")
    grant_role(several, Role.ORG_OWNER_VIEWER, cast.globex, **BY)
    astray = User.objects.create_user("astray")
    for organization in (cast.globex, elsewhere):
        grant_role(astray, Role.ORG_OWNER, organization, **BY)
    holders = (
        cast.root,
        make_holder(Role.IAM_OWNER_VIEWER, cast.instance, "viewer"),
        both,
        cast.alice,
        several,
        astray,
        make_holder(Role.SYSTEM_OWNER_VIEWER, System(), "operator"),
        make_client(cast.instance, "direct_read_access").client,
        cast.carol,
    )
    return dict(zip(CALLERS, map(token_for, holders), strict=True))


@dataclass(frozen=True)
class Made:
    """An event as it was made: of whom, of which kind, and what a list narrows it by."""

    key: int
    time: datetime
    owner: Any
    kind: str
    entry: Entry
    actor: str
    run: UUID | None

    def is_seen(self, actor, instance):
        """Whether the actor may see it in an instance: by what they hold, not by where it lies."""
        if self.owner.instance_or_none not in {None, instance}:
            return False
        for grant in actor.grants:
            apart = grant.level is Level.ORGANIZATION
            needed = (IN_ORGANIZATIONS if apart else SEEN_IN).get(self.kind)
            is_told = self.entry.for_organization or not apart
            if is_told and needed in grant.permissions and grant.covers(self.owner):
                return True
        return is_operator(actor) and self.kind in OF_INSTANCES

    def passes(self, name, value):
        """Whether a filter of the list lets it through."""
        label, _, public_id = value.partition(":")
        match name:
            case "owner":
                is_named = self.owner.public_id == public_id or not public_id
                is_here = self.owner.instance_or_none or self.owner.level is Level.SYSTEM
                return bool(self.owner.level.label == label and is_named and is_here)
            case "since":
                return self.time >= datetime.fromisoformat(value)
            case "until":
                return self.time < datetime.fromisoformat(value)
        told = {"feature": self.entry.subject, "type": self.entry.type, "actor": self.actor}
        return (told | {"run": str(self.run)})[name] == value


def is_operator(actor):
    return actor.user is not None and actor.user.instance is None


def make_history(owners):
    """Make events of the owners in turns, at a few times only."""
    random = Random(1)
    Event.objects.all()._raw_delete("default")
    made = []
    for _ in range(100):
        owner, name = random.choice(owners), random.choice(["ann", "ben"])
        entry = Entry(
            random.choice(["features.set", "features.lock"]),
            random.choice(["one", "two"]),
            for_organization=random.random() < 0.7,
        )
        stream = StreamKey.of(owner, random.choice(KINDS[owner.level]))
        run, time = random.choice([None, RUN]), START + timedelta(hours=random.randrange(3))
        origin = replace(ORIGIN, run=run)
        append(stream, [entry], actor=Author("user", name, name), origin=origin)
        key = Event.objects.latest("pk").pk
        Event.objects.filter(pk=key).update(created_at=time)
        made.append(Made(key, time, owner, stream.kind, entry, name, run))
    return made


@pytest.fixture
def world(client):
    """Return a way to ask, and the tokens of callers, in a world with namesakes next door."""
    cast = make_cast()
    other = create_instance("Other", public_id="other", domains=["other.example"])
    elsewhere = create_organization(other, "Elsewhere", public_id="acme")
    foreign = create_user(elsewhere, "bob", public_id="bob")
    callers = make_callers(cast, elsewhere)
    here = [System(), cast.instance, cast.acme, cast.globex, cast.bob, cast.carol, cast.root]
    return RootApi(client, cast), callers, [*here, other, elsewhere, foreign]


def read_pages(api, path, asked, limits, between=lambda _page: None):
    """Return the ids on all pages, each of the next limit; None for who may not ask."""
    found: list[Any] = []
    cursor: str | None = ""
    for limit in cycle(limits):
        query = urlencode(asked | {"limit": limit} | ({"cursor": cursor} if cursor else {}))
        response = api("GET", f"/api/v1/{path}?{query}")
        if response.status_code == 403:
            return None
        page = response.json()
        assert len(page["results"]) <= limit, page
        found += [row["id"] for row in page["results"]]
        cursor = page["next"]
        if cursor is None:
            break
        between(page["results"])
    return found


@pytest.fixture
def history(world):
    api, callers, owners = world
    made = make_history(owners)
    return api, callers, made


@walks
@given(
    caller=st.sampled_from(CALLERS),
    asked=st.fixed_dictionaries(
        {}, optional={name: st.sampled_from(some) for name, some in EVENT_FILTERS.items()}
    ),
    order=st.sampled_from(["", "created", "-created"]),
    limits=st.lists(st.integers(2, 30), min_size=1, max_size=3),
    few=st.sampled_from([0, 500]),
)
def test_events__any_walk__are_what_the_caller_may_see(history, caller, asked, order, limits, few):
    api, callers, made = history
    api.token = callers[caller]
    found = find_token(api.token, address="127.0.0.1")
    assert found
    seen = [
        event
        for event in made
        if event.is_seen(found[0], api.cast.instance)
        and all(event.passes(name, value) for name, value in asked.items())
    ]
    by_time = {"since", "until"} & asked.keys() and not {"owner", "run"} & asked.keys()
    seen.sort(key=lambda event: (event.time if by_time else START, event.key))
    if order != "created":
        seen.reverse()

    with patch.object(events_view, "FEW", few):
        asked |= {"order": order} if order else {}
        walked = read_pages(api, "events", asked, limits)

    assert walked == [event.key for event in seen], (caller, asked, order, limits, few)


@pytest.fixture
def people(world):
    api, callers, owners = world
    random = Random(2)
    for number in range(30):
        organization = random.choice([api.cast.acme, api.cast.globex, owners[-2]])
        name = random.choice(NAMES)
        user = create_user(
            organization, f"u{number}", name=name, email=random.choice(["", "a@x.example"])
        )
        grant_role(user, Role.ORG_OWNER_VIEWER, organization, **BY)
    return api, callers


COLUMNS = {"username": "folded_username", "name": "folded_name", "email": "folded_email"}
EVERYWHERE = ("acme", "globex")
SEEN_PEOPLE = {  # whose users, and roles held on what: None is all of the instance
    "root": (None, None),
    "both": (None, ("acme",)),
    "owner": (("acme",), ("acme",)),
    "several": (EVERYWHERE, ("globex",)),
    "astray": (("globex",), ("globex",)),
}


@walks
@given(
    caller=st.sampled_from(sorted(SEEN_PEOPLE)),
    order=st.sampled_from([f"{sign}{by}" for by in (*COLUMNS, "created") for sign in ("", "-")]),
    limits=st.lists(st.integers(2, 12), min_size=1, max_size=3),
    merged=st.sampled_from([base.MERGED, 1]),
    goes=st.booleans(),
)
def test_users__any_walk__is_all_of_them_once_in_order_though_some_go(
    people, caller, order, limits, merged, goes
):
    api, callers = people
    api.token = callers[caller]
    column = COLUMNS.get(order.removeprefix("-"), "pk")
    sign = "-" if order.startswith("-") else ""
    seen = seen_people(User, api.cast, SEEN_PEOPLE[caller][0])
    expected = list(
        seen.order_by(f"{sign}{column}", f"{sign}pk").values_list("public_id", flat=True)
    )

    def lose_the_last(page):
        if goes and page[-1]["id"].isdigit():  # none of the callers
            User.objects.filter(public_id=page[-1]["id"]).delete()

    with transaction.atomic(), patch.object(base, "MERGED", merged):
        walked = read_pages(api, "users", {"order": order}, limits, lose_the_last)
        transaction.set_rollback(True)

    assert walked == expected


@walks
@given(
    caller=st.sampled_from(sorted(SEEN_PEOPLE)),
    order=st.sampled_from(["created", "-created"]),
    role=st.sampled_from(["", *LISTED_ROLES]),
    limits=st.lists(st.integers(2, 12), min_size=1, max_size=3),
    merged=st.sampled_from([base.MERGED, 1]),
)
def test_roles__any_walk__is_all_of_them_once_in_order(people, caller, order, role, limits, merged):
    api, callers = people
    api.token = callers[caller]
    asked = {"order": order} | ({"role": role} if role else {})
    seen = seen_people(Membership, api.cast, SEEN_PEOPLE[caller][1])
    seen = seen.filter(role=role) if role else seen

    with patch.object(base, "MERGED", merged):
        walked = read_pages(api, "memberships", asked, limits)

    expected = seen.order_by(order.replace("created", "pk"))
    assert walked == list(expected.values_list("pk", flat=True))


def seen_people(model, cast, organizations):
    """Return the rows of an instance, or of some of its organizations."""
    rows = model.objects.filter(instance=cast.instance)
    if organizations is None:
        return rows
    return rows.filter(organization__public_id__in=organizations)
