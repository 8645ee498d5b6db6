import uuid
from typing import NoReturn

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.utils.translation import gettext_lazy as _

from tenancy.levels import Level


class Surface(models.TextChoices):
    """Where a change came in."""

    ADMIN = "admin", _("admin")
    API = "api", _("API")
    RPC = "rpc", _("RPC")
    COMMAND = "command", _("command")


class Stream(models.Model):
    """The counter of one owner's events. Its row is locked while a change is written.

    A stream is found by text, not by foreign key, so that it outlives its owner: the sequence goes
    on where it stood if the same id comes back. ``kind`` says whose id it is, and what is recorded:
    a level's name for an owner's features, ``user.roles`` for what else there is of it. What is no
    owner has kinds of its own: ``definition``, ``client``, ``client.token``.
    """

    kind = models.CharField(max_length=40)
    instance = models.CharField(max_length=200, blank=True)  # its public id; "" above instances
    owner = models.CharField(max_length=200)
    sequence = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(null=True)  # of the first event; null before it
    changed_at = models.DateTimeField(null=True)  # of the last event; null before it

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kind", "instance", "owner"], name="stream_unique")
        ]

    def __str__(self) -> str:
        return "/".join(part for part in (self.kind, self.instance, self.owner) if part)

    @property
    def level(self) -> Level | None:
        """The level of the owner whose history this is; None for what is no owner."""
        try:
            return Level.from_label(self.kind.partition(".")[0])
        except KeyError:
            return None

    @property
    def about(self) -> str:
        """What of the owner is recorded here; empty for its features."""
        return self.kind.partition(".")[2]


class Event(models.Model):
    """One recorded change. Rows are only ever added, by events.services.append."""

    # Its index is that of the sequence.
    stream = models.ForeignKey(Stream, models.PROTECT, related_name="events", db_index=False)
    sequence = models.BigIntegerField()
    # Where it belongs, as it was then: the keys of the instance, and of the organization whose
    # administrators it concerns. No foreign keys, for the history outlives tenants; nor do names
    # tell, for an id that comes back may be somebody else's. No key is given out twice. Above the
    # instances it is 0: PostgreSQL sorts what it finds by NULL. Of an instance that was gone before
    # events had keys it is -1.
    instance_key = models.BigIntegerField(default=0)
    organization_key = models.BigIntegerField(null=True)
    type = models.CharField(_("type"), max_length=40)
    subject = models.CharField(_("subject"), max_length=200, blank=True)  # a feature's key, …
    before = models.JSONField(_("before"), null=True, encoder=DjangoJSONEncoder)  # NULL: not set
    after = models.JSONField(_("after"), null=True, encoder=DjangoJSONEncoder)
    locked_before = models.BooleanField(default=False)
    locked_after = models.BooleanField(default=False)
    actor_type = models.CharField(max_length=20)
    actor_id = models.CharField(max_length=200)
    actor_name = models.CharField(_("who"), max_length=200)
    behalf_type = models.CharField(max_length=20, blank=True)  # the impersonator, if any
    behalf_id = models.CharField(max_length=200, blank=True)
    behalf_name = models.CharField(_("impersonated by"), max_length=200, blank=True)
    surface = models.CharField(_("surface"), max_length=20, choices=Surface.choices)
    reason = models.TextField(_("reason"), blank=True)
    run = models.UUIDField(_("run"), null=True)
    request_id = models.CharField(max_length=40, blank=True)
    address = models.CharField(_("address"), max_length=45, blank=True)
    created_at = models.DateTimeField(_("time"))

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(fields=["stream", "sequence"], name="event_sequence_unique")
        ]
        indexes = [
            # A list is of one owner, of one organization or of one instance, which may be a small
            # one beside large ones; the operators' lists are of everything, or of one subject.
            models.Index(fields=["stream", "-id"], name="event_of_stream"),
            models.Index(
                fields=["organization_key", "-id"],
                name="event_of_organization",
                condition=models.Q(organization_key__isnull=False),
            ),
            models.Index(
                fields=["organization_key", "created_at", "id"],
                name="event_time_in_organization",
                condition=models.Q(organization_key__isnull=False),
            ),
            models.Index(fields=["instance_key", "-id"], name="event_of_instance"),
            models.Index(fields=["instance_key", "type", "-id"], name="event_type"),
            models.Index(fields=["instance_key", "subject", "-id"], name="event_subject_here"),
            models.Index(fields=["instance_key", "actor_id", "-id"], name="event_actor"),
            models.Index(fields=["instance_key", "created_at", "id"], name="event_time"),
            models.Index(
                fields=["run", "instance_key", "-id"],
                name="event_run_here",
                condition=models.Q(run__isnull=False),
            ),
            models.Index(fields=["subject", "-id"], name="event_subject"),
            models.Index(
                fields=["run", "-id"], name="event_run", condition=models.Q(run__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.subject} #{self.sequence}".replace("  ", " ")

    def delete(self, *_args: object, **_kwargs: object) -> NoReturn:
        """Refuse: the history is append-only."""
        raise TypeError("events are never deleted")


class RunState(models.TextChoices):
    """How far a run has come."""

    RUNNING = "running", _("running")
    DONE = "done", _("done")
    PARTLY = "partly", _("partly done")


class Run(models.Model):
    """One bulk action. Its events carry its id; the row says who, what for and how far.

    It is written in the transaction of its changes: a run that changed nothing is not there. A run
    in batches stands at ``position`` in its input, so that it can go on after an interruption.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(_("what"), max_length=20)  # bulk, apply, undo, lock, …
    state = models.CharField(_("state"), max_length=20, choices=RunState.choices)
    actor_type = models.CharField(max_length=20)
    actor_id = models.CharField(max_length=200)
    actor_name = models.CharField(_("who"), max_length=200)
    surface = models.CharField(_("surface"), max_length=20, choices=Surface.choices)
    reason = models.TextField(_("reason"), blank=True)
    undoes = models.CharField(max_length=40, blank=True)  # the run or event that it takes back
    source = models.CharField(max_length=64, blank=True)  # the digest of its input
    batch_size = models.PositiveIntegerField(default=0)  # 0: everything in one transaction
    batches = models.PositiveIntegerField(_("batches done"), default=0)
    position = models.JSONField(default=list)  # level and owner of the last batch's last row
    changed = models.PositiveBigIntegerField(_("changed"), default=0)
    unchanged = models.PositiveBigIntegerField(_("unchanged"), default=0)
    errors = models.PositiveBigIntegerField(_("errors"), default=0)
    started_at = models.DateTimeField(_("started"))
    finished_at = models.DateTimeField(_("finished"), null=True)

    class Meta:
        verbose_name = _("run")
        verbose_name_plural = _("runs")
        ordering = ("-started_at", "-id")
        indexes = [models.Index(fields=["-started_at", "-id"], name="run_started")]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"
