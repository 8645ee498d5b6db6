"""What the tests of the admin share: its addresses, and its forms as a browser would send them."""

from django.urls import reverse

from features.definitions import current_definitions
from features.services import overrides_of
from tenancy.models import User


def sign_in(client, user):
    User.objects.filter(pk=user.pk).update(is_staff=True)
    client.force_login(user)


def page_of(row):
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def text_of(response):
    return response.content.decode()


def grid_of(owner):
    return reverse("admin:owner_features", args=[owner.level.label, owner.pk])


def form_of(client, owner):
    """Return the fields of an owner's grid as a browser would send them, untouched."""
    context = client.get(grid_of(owner)).context
    fields = {"sequence": str(context["sequence"]), "reason": ""}
    for _stage, rows in context["groups"]:
        for row in rows:
            number = row.definition.id
            fields[f"was-{number}"] = row.state
            if row.is_settable and not row.locked_above:
                fields[f"choice-{number}"] = row.choice
                if row.control == "choices":
                    fields[f"value-{number}"] = row.picked
                elif row.control != "boolean":
                    fields[f"value-{number}"] = row.typed
    return fields


def field(feature, prefix="choice"):
    return f"{prefix}-{current_definitions().get(feature).id}"


def own(owner):
    """Return what an owner sets, by feature key."""
    return {definition.key: stored.value for definition, stored in overrides_of(owner).items()}
