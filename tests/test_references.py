"""Owners as commands and files write them."""

import pytest

from tenancy.references import BadReference, find_by_reference
from tenancy.services import create_instance, create_organization, create_user

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("name", ["instance", "acme", "bob", "root"])
@pytest.mark.parametrize("with_others", [False, True])
def test_find_by_reference__own_reference__finds_each_owner_again(cast, name, with_others):
    if with_others:
        create_instance("Other", public_id="other")
    owner = getattr(cast, name)

    assert find_by_reference(owner.reference) == owner


def test_find_by_reference__only_one_instance__needs_no_name(cast):
    assert find_by_reference("organization:acme") == cast.acme
    assert find_by_reference("user:bob") == cast.bob


def test_find_by_reference__ids_with_slashes__are_found(cast):
    instance = create_instance("Slashes", public_id="a/b")
    organization = create_organization(instance, "C", public_id="c/d")
    user = create_user(organization, "e", public_id="/")

    assert find_by_reference("organization:a/b/c/d") == organization
    assert find_by_reference("user:a/b//") == user


def test_find_by_reference__several_instances__asks_which(cast):
    create_instance("Other", public_id="other")

    with pytest.raises(BadReference, match="write organization:INSTANCE/acme"):
        find_by_reference("organization:acme")


@pytest.mark.parametrize(
    "text",
    [
        *("", "acme", "systems", "system:1", "organization", "project:1", "Organization:acme"),
        *("instance:", "instance:none", "organization:", "organization:none", "user:main/none"),
        *("user:\x00", "organization:main/\x00", "instance:\ud800", "user:a\nb"),
    ],
)
def test_find_by_reference__no_owner__says_so(cast, text):
    with pytest.raises(BadReference):
        find_by_reference(text)
