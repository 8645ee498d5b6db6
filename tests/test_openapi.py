"""The OpenAPI document: valid, complete, and true to the code; and the page that shows it."""

import re
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.urls import Resolver404, get_resolver, resolve
from rest_framework.viewsets import ViewSetMixin

from api.schema.document import make_document
from api.schema.operations import ERRORS
from config.errors import answer_unknown_path
from features.catalogue import BUILTINS
from features.kinds import camel_case

VERBS = {"get", "post", "put", "patch", "delete"}
DOCUMENT = make_document()
OPERATIONS = [
    pytest.param(path, verb, id=operation["operationId"])
    for path, item in DOCUMENT["paths"].items()
    for verb, operation in item.items()
]
API = re.compile(r"^\^?/?\(?(\?:)?(v2|clients|oauth|system|instances|api/v1)")


def views(patterns: Any = None, prefix: str = "") -> Any:
    """Yield (regular expression of the path, callback) of every view."""
    for pattern in patterns or get_resolver().url_patterns:
        text = prefix + pattern.pattern.regex.pattern.removeprefix("^")
        if hasattr(pattern, "url_patterns"):
            yield from views(pattern.url_patterns, text)
        else:
            yield text, pattern.callback


def test_document__command__validates_without_a_warning(capsys):
    out = StringIO()

    call_command("spectacular", validate=True, fail_on_warn=True, format="openapi-json", stdout=out)

    assert '"openapi": "3.1' in out.getvalue()
    assert capsys.readouterr().err == ""


@pytest.mark.once
def test_document__every_view_of_an_api__is_described():
    described: dict[Any, set[str]] = {}
    for path, item in DOCUMENT["paths"].items():
        callback = resolve(re.sub(r"\{[a-z_]+\}", "7", path)).func
        described.setdefault(callback, set()).update(item)

    missing = [
        (regex, verbs)
        for regex, callback in views()
        if API.match(regex) and callback is not answer_unknown_path
        for verbs in [set(getattr(callback, "actions", {})) - {"head"}]
        if callback not in described or verbs - described[callback]
    ]

    assert missing == []


@pytest.mark.parametrize(("path", "verb"), OPERATIONS)
def test_operation__its_path__leads_to_a_view_with_that_verb(path, verb):
    try:
        callback: Any = resolve(re.sub(r"\{[a-z_]+\}", "7", path)).func
    except Resolver404:
        pytest.fail(f"{path} leads nowhere")

    if isinstance(getattr(callback, "cls", None), type) and issubclass(callback.cls, ViewSetMixin):
        assert verb in callback.actions


@pytest.mark.parametrize(("path", "verb"), OPERATIONS)
def test_operation__described__with_examples_and_its_errors(path, verb):
    operation = DOCUMENT["paths"][path][verb]
    bodies = [
        content
        for one in [operation.get("requestBody", {}), *operation["responses"].values()]
        for content in one.get("content", {}).values()
        if "OAuthError" not in str(content)
    ]

    assert all(operation[part] for part in ("summary", "description", "tags"))
    assert all("example" in content or "examples" in content for content in bodies)
    if not path.startswith("/clients"):
        assert {"400", "401", "403", "404", "429", "500", "503"} <= operation["responses"].keys()


def test_operations__their_ids__are_different():
    ids = [
        operation["operationId"]
        for item in DOCUMENT["paths"].values()
        for operation in item.values()
    ]

    assert len(set(ids)) == len(ids)


def test_document__built_in_features__are_all_in_requests_and_answers():
    schemas = DOCUMENT["components"]["schemas"]
    names = {camel_case(builtin.key) for builtin in BUILTINS}

    assert schemas["UserFeatureChanges"]["properties"].keys() == names
    assert schemas["Features"]["properties"].keys() == names | {"details"}
    assert "webKey" not in schemas["SystemFeatureChanges"]["properties"]


def test_document__errors__each_has_a_response():
    responses = DOCUMENT["components"]["responses"]

    assert {name for name, *_ in ERRORS.values()} == responses.keys()


@pytest.mark.django_db
def test_schema__asked_again_with_its_tag__304(client):
    first = client.get("/api/schema/")

    again = client.get("/api/schema/", headers={"If-None-Match": first["ETag"]})

    assert first.json()["info"]["title"] == "Strata"
    assert (again.status_code, again.content) == (304, b"")
