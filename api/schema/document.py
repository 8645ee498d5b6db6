"""Joins the modules to one OpenAPI document, for `manage.py spectacular` and /api/schema/."""

from functools import cache
from typing import Any

from drf_spectacular.generators import SchemaGenerator

from api.schema import (
    clients,
    definitions,
    features,
    history,
    operations,
    overrides,
    plans,
    resources,
    security,
    singles,
    undoing,
    values,
)
from api.schema.operations import Schema

PARTS = (
    *(features, security, clients, resources),
    *(definitions, overrides, plans, history, undoing, singles),
)
VERBS = ("get", "post", "put", "patch", "delete")

TAGS = (
    ("Features", "The features of each level, their values, and why these are what they are."),
    (
        "Security settings",
        "Who may embed the instance's pages, and whether to allow impersonation.",
    ),
    ("OAuth", "Token exchange, by which a client acts in a user's name."),
    ("API clients", "Clients, their features, secrets and allow lists."),
    ("Tenants", "Instances, organizations, users and their roles."),
    ("Definitions", "Which features there are, of which kind, and what holds by default."),
    ("Overrides", "What owners set, and locks."),
    ("Plans", "Changes of many owners at once, looked at before they are applied."),
    ("History", "What happened, and taking it back."),
    ("Tokens", "Bearer tokens of users and API clients."),
)


def without_views(endpoints: list[Any]) -> list[Any]:
    """Leave every view to the modules here: nothing is guessed from code."""
    return []


def add_paths(result: Schema, **_: Any) -> Schema:
    """Put all paths and components into the document that drf-spectacular began."""
    result["paths"] = {path: item for part in PARTS for path, item in part.paths().items()}
    schemas = dict(operations.COMPONENTS) | values.COMPONENTS
    for part in PARTS:
        schemas |= part.components()
    result["components"] = {
        "schemas": schemas,
        "responses": operations.error_responses(),
        "parameters": dict(operations.PARAMETERS),
        "headers": dict(operations.HEADERS),
        "securitySchemes": dict(operations.SECURITY_SCHEMES),
    }
    result["tags"] = [{"name": name, "description": text} for name, text in TAGS]
    return result


@cache
def make_document() -> Schema:
    """Return the document; it is the same for everybody, and made once."""
    generator: Any = SchemaGenerator
    document: Schema = generator().get_schema(public=True)
    return document
