import uuid
from typing import Any, ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from tenancy.levels import OWNED_LEVELS, Level
from tenancy.models import Instance, Organization, Owner, System, User


class KindName(models.TextChoices):
    """What people call the kinds of features.kinds."""

    BOOLEAN = "boolean", pgettext_lazy("kind", "on or off")
    INTEGER = "integer", pgettext_lazy("kind", "whole number")
    NUMBER = "number", pgettext_lazy("kind", "number")
    STRING = "string", pgettext_lazy("kind", "text")
    CHOICE = "choice", pgettext_lazy("kind", "one of a list")
    CHOICE_SET = "choice_set", pgettext_lazy("kind", "some of a list")
    OBJECT = "object", pgettext_lazy("kind", "object")


class Stage(models.TextChoices):
    """How far a feature has come."""

    EXPERIMENTAL = "experimental", _("experimental")
    STABLE = "stable", _("stable")
    DEPRECATED = "deprecated", _("deprecated")
    RETIRED = "retired", _("retired")


def all_levels() -> list[int]:
    """Return the numbers of all four levels, the default of ``Feature.levels``."""
    return [level.value for level in OWNED_LEVELS]


class Feature(models.Model):
    """A definition: what may be set, of which kind, where, and what holds when nobody sets it.

    features.definitions compiles the rows to what the rest of the code works with.
    """

    key = models.CharField(_("key"), max_length=100, unique=True)
    json_name = models.CharField(max_length=100, unique=True, editable=False)
    name = models.CharField(_("name"), max_length=200)
    description = models.TextField(_("what it does"), blank=True)
    kind = models.CharField(_("kind"), max_length=20, choices=KindName.choices)
    options = models.JSONField(_("options of the kind"), default=dict, blank=True)
    default = models.JSONField(_("default"))
    levels = models.JSONField(_("levels where it may be set"), default=all_levels)
    stage = models.CharField(
        _("stage"), max_length=20, choices=Stage.choices, default=Stage.EXPERIMENTAL
    )
    enabled = models.BooleanField(
        _("enabled"), default=True, help_text=_("Disabled, it has its default for everybody.")
    )
    builtin = models.BooleanField(_("built-in"), default=False, editable=False)
    position = models.PositiveIntegerField(default=1000, editable=False)
    expires_on = models.DateField(
        _("to be removed by"), null=True, blank=True, help_text=_("A reminder; nothing happens.")
    )
    archived_at = models.DateTimeField(_("archived"), null=True, editable=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("feature")
        verbose_name_plural = _("features")
        ordering = ("position", "key")
        indexes = [
            models.Index(fields=["kind", "key"], name="feature_kind"),
            models.Index(fields=["stage", "key"], name="feature_stage"),
        ]

    def __str__(self) -> str:
        return self.key

    @property
    def shown_name(self) -> str:
        """The name in the reader's language; what an administrator typed stays as it was typed."""
        return gettext(self.name) if self.builtin else self.name

    @property
    def shown_description(self) -> str:
        """What it does, in the reader's language as far as it is built in."""
        return gettext(self.description) if self.builtin else self.description


LOCKED = models.Q(locked=True)


class OverrideRow(models.Model):
    """A value set for a feature at an owner. No row means: inherit.

    One narrow table for each level, so that the database itself refuses an override of an owner or
    a feature that does not exist, and a second one for the same pair.
    """

    level: ClassVar[Level]
    # The levels above whose owners a row names, too, under their labels: where its owner belongs.
    places: ClassVar[tuple[Level, ...]] = ()

    # The index of the feature is the one below, that of the owner the constraint's.
    feature = models.ForeignKey(Feature, models.PROTECT, related_name="+", db_index=False)
    value = models.JSONField(_("value"))
    locked = models.BooleanField(_("locked"), default=False)
    changed_at = models.DateTimeField(_("changed"))

    class Meta:
        abstract = True
        constraints = [
            models.UniqueConstraint(fields=["owner", "feature"], name="%(class)s_unique")
        ]
        indexes = [
            models.Index(fields=["feature", "id"], name="%(class)s_feature"),
            models.Index(fields=["id"], name="%(class)s_locked", condition=LOCKED),
        ]

    def __str__(self) -> str:
        return f"{self.feature_id} at {self.level.label} level"


class SystemOverride(OverrideRow):
    """What the system sets."""

    level = Level.SYSTEM
    owner = models.ForeignKey(System, models.CASCADE, related_name="overrides", db_index=False)


class InstanceOverride(OverrideRow):
    """What an instance sets."""

    level = Level.INSTANCE
    owner = models.ForeignKey(Instance, models.CASCADE, related_name="overrides", db_index=False)


def _in_order(place: str, short: str) -> list[models.Index]:
    """The indexes of a place's overrides in the order of lists, and of the locked ones alone."""
    fields = [place, "feature", "id"]
    return [
        models.Index(fields=fields, name=f"%(class)s_{place}"),
        models.Index(fields=fields, name=f"%(class)s_locked_{short}", condition=LOCKED),
    ]


def _place(model: type[Owner], **options: Any) -> Any:
    """A column that repeats where the owner belongs, for good: lists begin there.

    The database does not check it, which would cost a bulk change two look-ups a row: the owner's
    own key is checked, and what an owner belongs to goes after the owner.
    """
    return models.ForeignKey(
        model,
        models.DO_NOTHING,
        related_name="+",
        editable=False,
        db_index=False,
        db_constraint=False,
        **options,
    )


class OrganizationOverride(OverrideRow):
    """What an organization sets."""

    level = Level.ORGANIZATION
    places = (Level.INSTANCE,)
    owner = models.ForeignKey(
        Organization, models.CASCADE, related_name="overrides", db_index=False
    )
    instance = _place(Instance)

    class Meta(OverrideRow.Meta):
        indexes = [*OverrideRow.Meta.indexes, *_in_order("instance", "in")]


class UserOverride(OverrideRow):
    """What a user's own settings are. An operator of the system belongs nowhere."""

    level = Level.USER
    places = (Level.INSTANCE, Level.ORGANIZATION)
    owner = models.ForeignKey(User, models.CASCADE, related_name="overrides", db_index=False)
    instance = _place(Instance, null=True)
    organization = _place(Organization, null=True)

    class Meta(OverrideRow.Meta):
        indexes = [
            *OverrideRow.Meta.indexes,
            *_in_order("instance", "in"),
            *_in_order("organization", "org"),
        ]


OVERRIDES: dict[Level, type[OverrideRow]] = {
    model.level: model
    for model in (SystemOverride, InstanceOverride, OrganizationOverride, UserOverride)
}


class PlanState(models.TextChoices):
    """How far a stored plan has come."""

    PREPARING = "preparing"  # seen by nobody
    READY = "ready"
    APPLYING = "applying"
    APPLIED = "applied"
    STALE = "stale"  # refused, as something had moved on; nothing was written


class StoredPlan(models.Model):
    """A bulk plan that is kept for a while, to be looked at and to be applied as it was shown.

    Whose it is stands in ``principal`` as text, as for idempotency keys; nobody else finds it.
    ``begun_at`` is when a thread was sent to apply it, until that thread has claimed the plan.
    """

    key = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    principal = models.CharField(max_length=500)
    state = models.CharField(max_length=20, choices=PlanState.choices, default=PlanState.PREPARING)
    actor_type = models.CharField(max_length=20)
    actor_id = models.CharField(max_length=200)
    actor_name = models.CharField(max_length=200)
    changed = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    errors = models.PositiveIntegerField(default=0)  # rows that were left out when it was made
    owners = models.PositiveIntegerField(default=0)
    levels = models.JSONField(default=dict)  # how many owners of each level change
    problems = models.JSONField(default=list)  # the first ones of what is, or went, wrong
    reason = models.TextField(blank=True)
    batch_size = models.PositiveIntegerField(default=0)  # 0: everything in one transaction
    run = models.UUIDField(null=True)  # from when it is first applied
    left_out = models.PositiveIntegerField(default=0)  # changes that were overtaken on the way
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(db_index=True)
    begun_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["principal", "-id"], name="stored_plan_principal")]

    def __str__(self) -> str:
        return str(self.key)


class StoredChange(models.Model):
    """One override before and after, and where its owner's history stood: a row of a plan."""

    plan = models.ForeignKey(StoredPlan, models.CASCADE, related_name="changes", db_index=False)
    n = models.PositiveIntegerField()  # its place in the order in which changes are made
    line = models.PositiveIntegerField()  # of the input
    level = models.PositiveSmallIntegerField()
    instance = models.CharField(max_length=200, blank=True)  # the texts of the owner's stream
    owner = models.CharField(max_length=200)
    feature = models.CharField(max_length=100)
    before = models.JSONField(null=True)  # NULL: not set
    after = models.JSONField(null=True)
    locked_before = models.BooleanField()
    locked_after = models.BooleanField()
    sequence = models.BigIntegerField()
    reason = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["plan", "n"], name="stored_change_place"),
        ]

    def __str__(self) -> str:
        return f"{self.owner} {self.feature}"
