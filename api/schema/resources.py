"""The resources of the management API: each list, member and change follows from its view."""

from dataclasses import dataclass, field
from typing import Any

from rest_framework import serializers

from api.pagination import DEFAULT_LIMIT, MAX_LIMIT
from api.schema.operations import Schema, in_path, operation, parameter, query, ref
from api.schema.values import EXAMPLE_TIME, ID, TEXT_PATTERN, TIME
from api.serializers import FlagField, StrictSerializer
from api.urls import router
from api.views.base import MAX_FILTER

PREFIX = "/api/v1"
CREATED = {"created": EXAMPLE_TIME}
NUMBER: Schema = {"type": "integer", "minimum": 1, "maximum": 10**18 - 1}


@dataclass(frozen=True)
class Resource:
    """What a view does not say about its resource. ``name`` is that of its schema."""

    name: str
    plural: str
    tag: str
    example: dict[str, Any]
    key: Schema = field(default_factory=lambda: ID)
    notes: str = ""
    filters: dict[str, Schema] = field(default_factory=dict)
    names: dict[str, Schema] = field(default_factory=dict)  # fields that are one of a few names
    formats: dict[str, str] = field(default_factory=dict)

    @property
    def words(self) -> str:
        """The resource in a sentence, with its article."""
        return f"{'an' if self.name[0] in 'AEIO' else 'a'} {self.name.lower()}"


RESOURCES: dict[str, Resource] = {
    "instance": Resource(
        "Instance",
        "instances",
        "Tenants",
        {"id": "69629023906488334", "name": "Main", "domains": ["id.example.com"], **CREATED},
        notes="Making and deleting one takes instance.write and instance.delete on the system.",
        formats={"domains": "idn-hostname"},
    ),
    "organization": Resource(
        "Organization",
        "organizations",
        "Tenants",
        {"id": "acme", "name": "Acme", **CREATED},
    ),
    "user": Resource(
        "User",
        "users",
        "Tenants",
        {
            "id": "bob",
            "username": "bob",
            "organization": "acme",
            "name": "Bob",
            "email": "bob@acme.example",
            "is_active": True,
            "is_staff": False,
            **CREATED,
        },
        formats={"email": "email"},
    ),
    "membership": Resource(
        "Membership",
        "memberships",
        "Tenants",
        {
            "id": 7,
            "user": "bob",
            "role": "ORG_OWNER_VIEWER",
            "owner": "organization:main/acme",
            **CREATED,
        },
        key=NUMBER,
        notes="Nobody gives or takes a role that may more than they do.",
        names={"role": ref("Role")},
        formats={"owner": "reference"},
        filters={"role": ref("Role")},
    ),
}


def registered() -> list[tuple[str, Any, Resource]]:
    """Return path, view and resource of each view of the router that is one's."""
    return [
        (prefix, view, RESOURCES[name])
        for prefix, view, name in router.registry
        if name in RESOURCES
    ]


def components() -> dict[str, Schema]:
    """Return, for each resource, its schema, its page, and the bodies that make and change it."""
    found: dict[str, Schema] = {}
    for _prefix, view, resource in registered():
        serializer = view.serializer_class()
        found[resource.name] = _answer(serializer, resource)
        found[f"{resource.name}Page"] = page_of(ref(resource.name))
        if hasattr(view, "create"):
            found[f"New{resource.name}"] = _body(serializer, resource, partial=False)
        if hasattr(view, "partial_update"):
            found[f"{resource.name}Changes"] = _body(serializer, resource, partial=True)
    return found


def page_of(row: Schema) -> Schema:
    """Return the schema of a page of a list."""
    return {
        "type": "object",
        "required": ["results", "next"],
        "properties": {
            "results": {"type": "array", "items": row},
            "next": {
                "type": ["string", "null"],
                "description": "The cursor of the next page; null at the end.",
            },
        },
        "additionalProperties": False,
    }


def paths() -> dict[str, Schema]:
    """Return the paths of the resources."""
    found: dict[str, Schema] = {}
    for prefix, view, resource in registered():
        collection: Schema = {"get": list_operation(resource, view)}
        if hasattr(view, "create"):
            collection["post"] = _create(resource)
        found[f"{PREFIX}/{prefix}"] = collection
        key = getattr(view, "lookup_field", None) or "pk"
        found[f"{PREFIX}/{prefix}/{{{key}}}"] = _member(resource, view, key)
    return found


def paging(view: Any) -> list[Schema]:
    """Return the parameters that every list takes."""
    orders = list(view.orderings)
    return [
        query("order", _words_of_orders(view), {"type": "string", "enum": orders}),
        query(
            "limit",
            "How many at most.",
            {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
        ),
        query(
            "cursor",
            "`next` of the page before; empty for the first page.",
            {"type": "string", "format": "cursor"},
        ),
    ]


def _words_of_orders(view: Any) -> str:
    """Say which orders there are; a filter whose index has no other order allows only its own."""
    allowed = [
        f"with `{name}` only {', '.join(orders)}"
        for name, orders in view.orderings_of.items()
        if orders.keys() != view.orderings.keys()
    ]
    return "; ".join(["The order; each has an index", *allowed]) + "."


def list_operation(resource: Resource, view: Any) -> Schema:
    """Return the operation that lists a resource."""
    filters = view().known_filters
    words = {name: f"Only those of this {name}." for name in filters} | FILTER_WORDS
    narrow = [
        query(
            name,
            words[name],
            resource.filters.get(name, ID | {"maxLength": MAX_FILTER}),
        )
        for name in filters
    ]
    return operation(
        f"list{resource.plural[0].upper()}{resource.plural[1:]}",
        resource.tag,
        f"List {resource.plural}",
        description=f"The {resource.plural} that the caller sees, a page at a time. "
        f"{resource.notes}".strip(),
        parameters=[*narrow, *paging(view), parameter("IfNoneMatch")],
        answer=ref(f"{resource.name}Page"),
        example={"results": [resource.example], "next": None},
        tagged=True,
    )


FILTER_WORDS = {
    "q": "Only names that begin like this, whatever the case.",
    "name": "Only those whose name begins like this, whatever the case.",
    "email": "Only those whose email begins like this, whatever the case.",
}


def _create(resource: Resource) -> Schema:
    writable = {name: value for name, value in resource.example.items() if name != "created"}
    if resource.key is NUMBER:
        del writable["id"]
    return operation(
        f"create{resource.name}",
        resource.tag,
        f"Create {resource.words}",
        description=f"Creates {resource.words}. {resource.notes}".strip(),
        parameters=[parameter("IdempotencyKey")],
        body=ref(f"New{resource.name}"),
        body_example=writable,
        answer=ref(resource.name),
        example=resource.example,
        status=201,
        tagged=True,
    )


def _member(resource: Resource, view: Any, key: str) -> Schema:
    ids = [in_path(key, "The id.", resource.key)]
    conditions = [*ids, parameter("IfMatch"), parameter("IdempotencyKey")]
    found: Schema = {
        "get": operation(
            f"get{resource.name}",
            resource.tag,
            f"Read {resource.words}",
            parameters=[*ids, parameter("IfNoneMatch")],
            answer=ref(resource.name),
            example=resource.example,
            tagged=True,
        )
    }
    if hasattr(view, "partial_update"):
        found["patch"] = operation(
            f"change{resource.name}",
            resource.tag,
            f"Change {resource.words}",
            description="Only the fields present are touched. An id never changes.",
            parameters=conditions,
            body=ref(f"{resource.name}Changes"),
            body_example={"name": resource.example.get("name", "")},
            answer=ref(resource.name),
            example=resource.example,
            tagged=True,
        )
    if hasattr(view, "destroy"):
        found["delete"] = operation(
            f"delete{resource.name}",
            resource.tag,
            f"Delete {resource.words}",
            description=f"Refused while anything belongs to it. {resource.notes}".strip(),
            parameters=conditions,
            status=204,
        )
    return found


def _answer(serializer: StrictSerializer, resource: Resource) -> Schema:
    properties = {
        # What was stored before a rule came stays readable: answers promise no format.
        name: resource.names.get(name) or _describe(one, "")
        for name, one in serializer.fields.items()
    }
    return {
        "type": "object",
        "required": list(properties),
        "properties": properties,
        "additionalProperties": False,
    }


def _body(serializer: StrictSerializer, resource: Resource, *, partial: bool) -> Schema:
    fields = {
        name: one
        for name, one in serializer.fields.items()
        if not one.read_only and not (partial and name in FIXED)
    }
    schema: Schema = {
        "type": "object",
        "properties": {name: _describe_in(resource, name, one) for name, one in fields.items()},
        "additionalProperties": False,
    }
    required = [name for name, one in fields.items() if one.required]
    if required and not partial:
        schema["required"] = required
    return schema


FIXED = {"id", "organization"}  # what nobody changes afterwards


def _describe_in(
    resource: Resource, name: str, one: serializers.Field[Any, Any, Any, Any]
) -> Schema:
    return resource.names.get(name) or _describe(one, resource.formats.get(name, ""))


def _describe(one: serializers.Field[Any, Any, Any, Any], text_format: str) -> Schema:
    """Return the schema of a serializer's field."""
    match one:
        case serializers.ListField():
            items = _describe(one.child, text_format)
            return {"type": "array", "items": items, "maxItems": one.max_length}
        case serializers.DateTimeField():
            return TIME
        case FlagField():
            return {"type": "boolean"}
        case serializers.IntegerField():
            return {"type": "integer"}
    if (one.source or "").split(".")[-1] == "public_id":
        return ID
    schema: Schema = {"type": "string", "maxLength": one.max_length, "pattern": TEXT_PATTERN}  # type: ignore[attr-defined]
    if not one.allow_blank:  # type: ignore[attr-defined]
        schema["minLength"] = 1
    return schema | ({"format": text_format} if text_format else {})
