"""What the tests of commands share: running one, and what a refused one says."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from features.models import Feature
from tenancy.revision import touch_revision


def run(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def fail(*arguments: str) -> tuple[int, str, str]:
    """Return the exit code, what it says, and what it prints on stdout."""
    out = StringIO()
    with pytest.raises(CommandError) as caught:
        call_command(*arguments, stdout=out, stderr=StringIO())
    return caught.value.returncode, str(caught.value), out.getvalue()


def define(**fields) -> Feature:
    key = fields.pop("key")
    feature = Feature.objects.create(key=key, json_name=key, name=key, **fields)
    touch_revision()
    return feature
