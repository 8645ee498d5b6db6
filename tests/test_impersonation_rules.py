"""Who may impersonate whom: the whole truth table, against the rules as the contract tells them."""

import pytest

from access.permissions import Role
from security.rules import Person, refusal

pytestmark = pytest.mark.once

HERE, ELSEWHERE = 1, 2  # instances
ACME, GLOBEX, INITECH = 10, 11, 20  # organizations; the last is of the other instance
INSTANCE_OF = {ACME: HERE, GLOBEX: HERE, INITECH: ELSEWHERE}

# Where the impersonator's role is held, for a role on instances and for one on organizations.
HELD_ON = {"IAM": HERE, "ORG": ACME, "SYSTEM": 1}
KINDS = {
    # what the subject is: the roles held, superuser
    "plain": (set(), False),
    "organization's administrator": ({Role.ORG_OWNER}, False),
    "instance's administrator": ({Role.IAM_OWNER}, False),
    "viewer": ({Role.ORG_OWNER_VIEWER}, False),
    "impersonator": ({Role.ORG_END_USER_IMPERSONATOR}, False),
    "system owner": ({Role.SYSTEM_OWNER}, False),
    "superuser": (set(), True),
}
NEVER = {"system owner", "superuser"}
REACH = {
    # role: the organizations whose users it reaches, and whether it reaches holders of roles
    Role.IAM_ADMIN_IMPERSONATOR: ({ACME, GLOBEX}, True),
    Role.IAM_END_USER_IMPERSONATOR: ({ACME, GLOBEX}, False),
    Role.ORG_ADMIN_IMPERSONATOR: ({ACME}, True),
    Role.ORG_END_USER_IMPERSONATOR: ({ACME}, False),
}


def make_impersonator(role):
    return Person(1, HERE, ACME, frozenset({(role, HELD_ON[role.split("_")[0]])}))


def make_subject(kind, organization):
    roles, is_superuser = KINDS[kind]
    place = {"ORG": organization, "IAM": INSTANCE_OF[organization], "SYSTEM": 1}
    held = frozenset((role, place[role.split("_")[0]]) for role in roles)
    instance = INSTANCE_OF[organization]
    return Person(2, instance, organization, held, is_superuser=is_superuser)


@pytest.mark.parametrize("is_enabled", [True, False])
@pytest.mark.parametrize("organization", [ACME, GLOBEX, INITECH])
@pytest.mark.parametrize("role", list(Role))
def test_refusal__role_and_subject_and_setting__is_as_the_table_says(
    role, organization, is_enabled
):
    organizations, reaches_holders = REACH.get(role, (set(), False))

    for kind in KINDS:
        refused = refusal(
            make_impersonator(role), make_subject(kind, organization), is_enabled=is_enabled
        )

        may = (
            is_enabled
            and organization in organizations
            and kind not in NEVER
            and (kind == "plain" or reaches_holders)
        )
        assert (refused == "") is may, (kind, refused)


@pytest.mark.parametrize("role", sorted(REACH))
def test_refusal__oneself__is_refused(role):
    person = make_impersonator(role)

    assert refusal(person, person, is_enabled=True) == "nobody impersonates themselves"


@pytest.mark.parametrize("role", sorted(REACH))
def test_refusal__chain__is_refused(role):
    subject = make_subject("plain", ACME)

    assert refusal(make_impersonator(role), subject, is_enabled=True, is_chained=True)


@pytest.mark.parametrize("role", sorted(REACH))
def test_refusal__operator_or_inactive__is_refused(role):
    impersonator = make_impersonator(role)
    operator = Person(2, None, None)
    inactive = Person(2, HERE, ACME, is_active=False)
    gone = Person(1, HERE, ACME, impersonator.roles, is_active=False)
    plain = make_subject("plain", ACME)

    refused = [
        refusal(impersonator, operator, is_enabled=True),
        refusal(impersonator, inactive, is_enabled=True),
        refusal(gone, plain, is_enabled=True),
    ]

    assert all(refused)


def test_refusal__superuser_without_a_role__is_refused():
    root = Person(1, None, None, is_superuser=True)

    assert refusal(root, make_subject("plain", ACME), is_enabled=True)


@pytest.mark.parametrize("role", sorted(REACH))
def test_refusal__role_held_elsewhere__reaches_nobody_here(role):
    far = Person(1, HERE, ACME, frozenset({(role, 99)}))

    assert refusal(far, make_subject("plain", ACME), is_enabled=True)
