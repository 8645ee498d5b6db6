from django.db import models
from django.utils import timezone


class IdempotentRequest(models.Model):
    """A change that was asked for under an Idempotency-Key, with the answer that it got."""

    principal = models.CharField(max_length=500)  # who asked, and at which instance
    key = models.CharField(max_length=255)
    digest = models.CharField(max_length=64)  # of what was asked: verb, path, query and body
    status = models.PositiveSmallIntegerField(default=0)
    body = models.JSONField(null=True)
    etag = models.CharField(max_length=100, blank=True)
    location = models.CharField(max_length=200, blank=True, db_default="")
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["principal", "key"], name="idempotency_key_unique")
        ]

    def __str__(self) -> str:
        return self.key
