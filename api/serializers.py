"""The JSON of the management API. Input is as strict as the feature API's: no type is guessed."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.core.exceptions import ValidationError
from rest_framework import serializers

from access.permissions import Role, named_permissions, names_of
from access.services import DESCRIPTION_LENGTH, MAXIMUM_LIFETIME
from access.tenants import PASSWORD_LENGTH
from features.raw import describe_type
from tenancy.identifiers import PUBLIC_ID_MAX_LENGTH
from tenancy.spelling import did_you_mean


class TextField(serializers.CharField):
    """A JSON string, as it is; the stock field would take numbers and trim spaces."""

    def __init__(self, **options: Any) -> None:
        super().__init__(trim_whitespace=False, **options)

    def to_internal_value(self, data: Any) -> str:
        """Return the text. ValidationError for every other type."""
        if not isinstance(data, str):
            raise serializers.ValidationError(f"must be a string, not {describe_type(data)}")
        return super().to_internal_value(data)


class FlagField(serializers.BooleanField):
    """True or false; the stock field would take "yes" and 1."""

    def to_internal_value(self, data: Any) -> bool:
        """Return the boolean. ValidationError for every other type."""
        if not isinstance(data, bool):
            raise serializers.ValidationError(f"must be true or false, not {describe_type(data)}")
        return data


class WholeNumberField(serializers.IntegerField):
    """A JSON integer; the stock field would take "90", 90.0 and true."""

    def to_internal_value(self, data: Any) -> int:
        """Return the number. ValidationError for every other type."""
        if type(data) is not int:
            raise serializers.ValidationError(f"must be an integer, not {describe_type(data)}")
        return super().to_internal_value(data)


class StrictSerializer(serializers.Serializer[Any]):
    """A serializer that refuses fields it does not know."""

    @staticmethod
    def render(row: Any) -> dict[str, Any]:
        """Return a row's JSON: written out, as the stock way made up most of a page's time."""
        raise NotImplementedError

    def to_internal_value(self, data: Any) -> Any:
        """Return the checked members. ValidationError names unknown ones too."""
        writable = [name for name, field in self.fields.items() if not field.read_only]
        unknown = {
            name: [f"there is no such field{did_you_mean(name, writable)}"]
            for name in data
            if name not in writable
        }
        try:
            values = super().to_internal_value(data)
        except serializers.ValidationError as error:
            raise serializers.ValidationError({**error.detail, **unknown}) from None  # type: ignore[dict-item]
        if unknown:
            raise serializers.ValidationError(unknown)
        return values


def parse(serializer: type[StrictSerializer], body: Mapping[str, Any], **options: Any) -> Any:
    """Return the checked members of a body. ValidationError names every bad field."""
    bound = serializer(data=body, **options)
    if not bound.is_valid():
        raise ValidationError(dict(_flatten(bound.errors)))
    return bound.validated_data


def _flatten(errors: Any, path: str = "") -> Any:
    """Yield (path, messages) for nested errors, lists counted from 0."""
    if isinstance(errors, Mapping):
        for name, nested in errors.items():
            step = f"[{name}]" if isinstance(name, int) else f".{name}" if path else str(name)
            yield from _flatten(nested, path + step)
    elif errors and isinstance(errors[0], Mapping | list):
        for position, nested in enumerate(errors):
            yield from _flatten(nested, f"{path}[{position}]")
    else:
        yield path, [str(message) for message in errors]


class IdField(TextField):
    """A public id; generated when a body leaves it out."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            **{"source": "public_id", "max_length": PUBLIC_ID_MAX_LENGTH, "required": False}
            | options
        )


class InstanceSerializer(StrictSerializer):
    """An instance with the domains under which it answers."""

    id = IdField()
    name = TextField(max_length=200)
    domains = serializers.ListField(child=TextField(max_length=253), required=False, max_length=100)
    created = serializers.DateTimeField(source="created_at", read_only=True)

    @staticmethod
    def render(row: Any) -> dict[str, Any]:
        """Return an instance's JSON; its domains are read ahead."""
        return {
            "id": row.public_id,
            "name": row.name,
            "domains": [held.domain for held in row.held_domains],
            "created": _render_moment(row.created_at),
        }


class OrganizationSerializer(StrictSerializer):
    """An organization of the instance."""

    id = IdField()
    name = TextField(max_length=200)
    created = serializers.DateTimeField(source="created_at", read_only=True)

    @staticmethod
    def render(row: Any) -> dict[str, Any]:
        """Return an organization's JSON."""
        created = _render_moment(row.created_at)
        return {"id": row.public_id, "name": row.name, "created": created}


class UserSerializer(StrictSerializer):
    """A user of an organization. A password is never among it, neither way."""

    id = IdField()
    username = TextField(max_length=200)
    organization = TextField(source="organization.public_id", max_length=PUBLIC_ID_MAX_LENGTH)
    name = TextField(max_length=200, required=False, allow_blank=True)
    email = TextField(max_length=254, required=False, allow_blank=True)
    is_active = FlagField(required=False)
    is_staff = FlagField(required=False)
    created = serializers.DateTimeField(source="created_at", read_only=True)

    @staticmethod
    def render(row: Any) -> dict[str, Any]:
        """Return a user's JSON."""
        return {
            "id": row.public_id,
            "username": row.username,
            "organization": row.organization.public_id,
            "name": row.name,
            "email": row.email,
            "is_active": row.is_active,
            "is_staff": row.is_staff,
            "created": _render_moment(row.created_at),
        }


class PasswordSerializer(StrictSerializer):
    """A user's new password, which goes one way only."""

    password = TextField(write_only=True, max_length=PASSWORD_LENGTH)


class MembershipSerializer(StrictSerializer):
    """A role that a user holds on the instance, or on one of its organizations."""

    id = serializers.IntegerField(source="pk", read_only=True)
    user = TextField(source="user.public_id", max_length=PUBLIC_ID_MAX_LENGTH)
    role = serializers.ChoiceField([(role.value, role.value) for role in Role])
    owner = TextField(source="owner.reference", max_length=3 * PUBLIC_ID_MAX_LENGTH)
    created = serializers.DateTimeField(source="created_at", read_only=True)

    @staticmethod
    def render(row: Any) -> dict[str, Any]:
        """Return a membership's JSON."""
        return {
            "id": row.pk,
            "user": row.user.public_id,
            "role": row.role,
            "owner": row.owner.reference,
            "created": _render_moment(row.created_at),
        }


class TokenSerializer(StrictSerializer):
    """A bearer token of a user or an API client, whose text is shown when it is issued."""

    id = serializers.CharField(source="pk", read_only=True)
    user = TextField(required=False, max_length=PUBLIC_ID_MAX_LENGTH)
    client = TextField(required=False, max_length=PUBLIC_ID_MAX_LENGTH)
    description = TextField(required=False, allow_blank=True, max_length=DESCRIPTION_LENGTH)
    permissions = serializers.ListField(child=TextField(), required=False)
    expires_in_days = WholeNumberField(
        required=False, write_only=True, min_value=1, max_value=MAXIMUM_LIFETIME.days
    )
    token = serializers.CharField(read_only=True)
    prefix = serializers.CharField(read_only=True)
    created = serializers.DateTimeField(source="created_at", read_only=True)
    expires = serializers.DateTimeField(source="expires_at", read_only=True)
    last_used = serializers.DateTimeField(source="last_used_at", read_only=True)

    def validate_description(self, text: str) -> str:
        """Return the text. ValidationError when it is not one line."""
        if not all(map(str.isprintable, text)):
            raise serializers.ValidationError("must be one line without control characters")
        return text

    def validate_permissions(self, names: list[str]) -> list[str]:
        """Return the names. ValidationError for each that is no permission."""
        unknown = {
            position: ["is no permission; write a name such as org.feature.read"]
            for position, name in enumerate(names)
            if not _is_permission(name)
        }
        if unknown:
            raise serializers.ValidationError(unknown)  # type: ignore[arg-type]
        return names

    def validate(self, members: dict[str, Any]) -> dict[str, Any]:
        """Return the members. ValidationError unless exactly one holder is named."""
        if ("user" in members) == ("client" in members):
            raise serializers.ValidationError({"user": "write the id of either a user or a client"})
        return members

    @staticmethod
    def render(row: Any) -> dict[str, Any]:
        """Return a token's JSON without its text. Null permissions are all of the holder's."""
        names = row.permissions
        return {
            "id": str(row.pk),
            "user" if row.user else "client": (row.user or row.client).public_id,
            "description": row.description,
            "permissions": None if names is None else names_of(named_permissions(names)),
            "prefix": row.prefix,
            "created": _render_moment(row.created_at),
            "expires": _render_moment(row.expires_at),
            "last_used": _render_moment(row.last_used_at) if row.last_used_at else None,
        }


def _render_moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _is_permission(name: str) -> bool:
    try:
        named_permissions([name])
    except ValueError:
        return False
    return True
