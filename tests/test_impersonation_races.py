"""Turning impersonation off while others begin: none of them outlives it."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier

import pytest
from django.db import connection

from access.models import Impersonation
from access.permissions import Role
from security.impersonation import MayNotImpersonate, start_impersonation
from security.services import patch_security_settings
from tests.factories import BY, ORIGIN, make_cast, make_holder

STARTERS, ROUNDS = 3, 4


@pytest.mark.django_db(transaction=True)
def test_setting_off__while_others_begin__leaves_none_running():
    cast = make_cast()
    ina = make_holder(Role.IAM_ADMIN_IMPERSONATOR, cast.instance, "ina")
    barrier = Barrier(STARTERS + 1)

    def begin():
        try:
            barrier.wait()
            for _ in range(3):
                with suppress(MayNotImpersonate):
                    start_impersonation(ina, cast.bob, origin=ORIGIN)
        finally:
            connection.close()

    def switch_off():
        try:
            barrier.wait()
            patch_security_settings(cast.instance, {"impersonation_enabled": False}, **BY)
        finally:
            connection.close()

    with ThreadPoolExecutor(STARTERS + 1) as executor:
        for _ in range(ROUNDS):
            patch_security_settings(cast.instance, {"impersonation_enabled": True}, **BY)
            done = [executor.submit(begin) for _ in range(STARTERS)]
            done.append(executor.submit(switch_off))
            for each in done:
                each.result()

            assert not Impersonation.objects.filter(ended_at=None).exists()
