"""Reading what a sign-in needs: one statement, whose text is made once.

It stands on the path of every request that a client makes. Through the ORM, composing the statement
took twenty times as long as all that is left.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, TypeVar

from django.db import connection, models

from clients.models import ApiClient, ClientFeature, Refusal
from clients.refusals import FAILURES_ALLOWED, WRONG_CREDENTIALS
from events.services import as_datetime
from tenancy.models import Instance
from tenancy.revision import Revision

AnyModel = TypeVar("AnyModel", bound=models.Model)

LOADERS: Mapping[type, Callable[[Any], Any]] = {
    models.DateTimeField: as_datetime,
    models.BooleanField: bool,
    models.JSONField: json.loads,
}


@dataclass(frozen=True)
class FoundClient:
    """What is stored of a client, with its features, the revision and its wrong credentials so far.

    ``last_failure`` and ``tenth_failure`` are the times of the last and of the tenth last wrong
    credentials for it from the address that was asked about.
    """

    secret_digest: str
    previous_digest: str
    previous_expires_at: datetime | None
    features: tuple[str, ...]
    revision: int
    last_failure: datetime | None
    tenth_failure: datetime | None
    columns: tuple[Any, ...]

    def load(self) -> ApiClient:
        """Return the client with its instance: for whoever knows its secret, to save the time."""
        of_client = len(ApiClient._meta.concrete_fields)
        client = _load(ApiClient, self.columns[:of_client])
        client.instance = _load(Instance, self.columns[of_client:])
        return client


def read_client(client_id: str, address: str) -> FoundClient | None:
    """Return what is stored of the client of an id, or None, with one query."""
    with connection.cursor() as cursor:
        cursor.execute(_statement(), [*[client_id, address, *WRONG_CREDENTIALS] * 2, client_id])
        rows = cursor.fetchall()
    if not rows:
        return None
    revision, last, tenth, newest, previous, ends, _feature, *columns = rows[0]
    return FoundClient(
        secret_digest=newest,
        previous_digest=previous,
        previous_expires_at=as_datetime(ends),
        features=tuple(row[6] for row in rows if row[6] is not None),
        revision=revision or 0,
        last_failure=as_datetime(last),
        tenth_failure=as_datetime(tenth),
        columns=tuple(columns),
    )


@cache
def _statement() -> str:
    """Return the statement. Every name in it comes from the models; every value is a parameter."""
    client, instance = ApiClient._meta.db_table, Instance._meta.db_table
    feature, refusal = ClientFeature._meta.db_table, Refusal._meta.db_table
    columns = [
        f"{model._meta.db_table}.{field.column}"
        for model in (ApiClient, Instance)
        for field in model._meta.concrete_fields
    ]
    failures = (
        f"SELECT created_at FROM {refusal} "  # noqa: S608
        "WHERE client_id = %s AND address = %s AND reason IN (%s, %s) ORDER BY id DESC"
    )
    return (
        f"SELECT (SELECT token FROM {Revision._meta.db_table} LIMIT 1), "  # noqa: S608
        f"({failures} LIMIT 1), ({failures} LIMIT 1 OFFSET {FAILURES_ALLOWED - 1}), "
        f"{client}.secret_digest, {client}.previous_digest, {client}.previous_expires_at, "
        f"{feature}.name, {', '.join(columns)} FROM {client} "
        f"JOIN {instance} ON {instance}.id = {client}.instance_id "
        f"LEFT JOIN {feature} ON {feature}.client_id = {client}.id "
        f"WHERE {client}.client_id = %s ORDER BY {feature}.id"
    )


def _load(model: type[AnyModel], values: Sequence[Any]) -> AnyModel:
    """Return the row of a model from a cursor's values, in the order of its columns."""
    fields = model._meta.concrete_fields
    loaded = [
        value if value is None else LOADERS.get(type(field), _as_it_is)(value)
        for field, value in zip(fields, values, strict=True)
    ]
    return model.from_db(connection.alias, [field.attname for field in fields], loaded)


def _as_it_is(value: Any) -> Any:
    return value
