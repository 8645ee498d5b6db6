"""Every address of the admin, read from its own table, so that no page can be forgotten."""

from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any
from uuid import uuid4

from django.apps import apps
from django.contrib import admin
from django.urls import URLPattern, URLResolver, reverse

from events.models import Event
from features.models import Feature
from features.services import lock_feature, set_features
from tenancy.models import Organization, System, User
from tests.factories import BY, ORIGIN, TESTER, Cast, make_client, token_for

# Addresses that show no page when they are opened, and why.
NO_PAGES = {
    "suggest": "answers JSON",
    "autocomplete": "answers JSON",
    "login": "shows its page to who is not signed in",
    "logout": "takes a posted form alone",
    "feature_switch": "takes a posted form alone",
    "bulk_overrides": "takes a posted form alone",
    "system_features": "leads to the grid of the system",
    "*_*_history": "the stock admin's: our history is another page",
    "*_*_delete": "the stock admin's: our pages delete by their own forms",
    "tenancy_system_add": "refused: there is one system",
    "tenancy_system_change": "leads to the grid of the system",
    "access_accesstoken_add": "refused: the API and a command issue tokens",
}
OF_INSTANCES = {"owner_security"}
OF_USERS = {"owner_tokens", "user_password"}


def furnish(cast: Cast) -> None:
    """Put something on every page: clients, overrides, a lock, a token, and what was changed."""
    make_client(cast.instance, "owner", description="Importer")
    set_features(cast.acme, {"actions": False, "login_v2": {"required": True}}, **BY)
    set_features(cast.bob, {"improved_performance": ["IMPROVED_PERFORMANCE_PROJECT"]}, **BY)
    set_features(cast.instance, {"actions": True, "user_schema": True}, **BY)
    lock_feature(cast.instance, "user_schema", **BY)
    token_for(cast.bob)
    set_features(cast.bob, {"actions": False}, actor=TESTER, origin=replace(ORIGIN, run=uuid4()))


def pages_of(cast: Cast) -> list[str]:
    """Return the addresses of all pages, for a wide and a narrow owner where it takes one."""
    return [
        address
        for name in _parameters()
        if not _is_no_page(name)
        for address in addresses_of(name, cast)
    ]


def others_of(cast: Cast) -> list[str]:
    """Return the addresses that show no page of their own."""
    return [
        address
        for name in _parameters()
        if _is_no_page(name)
        for address in addresses_of(name, cast)
    ]


def addresses_of(name: str, cast: Cast) -> list[str]:
    """Return the addresses of one name, for every kind of object that it takes."""
    takes = _parameters()[name]
    return [reverse(f"admin:{name}", kwargs=given) for given in _arguments(name, takes, cast)]


def _is_no_page(name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in NO_PAGES)


def _patterns(patterns: list[Any]) -> Iterator[URLPattern]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from _patterns(pattern.url_patterns)
        else:
            yield pattern


def _parameters() -> dict[str, set[str]]:
    """Return what each address takes, by its name."""
    # Those without a name are the stock admin's: an old address of a page, and what catches all.
    return {
        pattern.name: set(pattern.pattern.converters)
        for pattern in _patterns(admin.site.get_urls())
        if pattern.name
    }


def _arguments(name: str, takes: set[str], cast: Cast) -> list[dict[str, Any]]:
    """Return what fills the parameters of an address; KeyError for a parameter that is new."""
    feature = Feature.objects.get(key="actions")
    change = Event.objects.filter(run__isnull=False).latest("pk")
    values: dict[str, Any] = {"feature": feature.pk, "run": change.run, "key": change.pk}
    if name.startswith("feature_"):
        values["key"] = feature.pk
    if "object_id" in takes:
        app, model, _page = name.split("_")
        rows: Any = apps.get_model(app, model)._default_manager
        ours = {Feature: feature, User: cast.bob, Organization: cast.acme}
        values["object_id"] = ours.get(rows.model, rows.latest("pk")).pk
    if name in OF_USERS:
        values |= {"level": "user", "key": cast.bob.pk}
        return [{parameter: values[parameter] for parameter in takes}]
    if "level" not in takes:
        return [{parameter: values[parameter] for parameter in takes}]
    # The widest that a page takes, and the narrowest: those between look like one of them.
    owners = [cast.instance] if name in OF_INSTANCES else [System(), cast.bob]
    given = [values | {"level": owner.level.label, "key": owner.pk} for owner in owners]
    return [{parameter: one[parameter] for parameter in takes} for one in given]
