"""What containers said last, kept when they were replaced, removed, or failed."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from containers.models.deployments import Deployment
from containers.models.instances import Container, Instance


class KeptLog(models.Model):
    """The last lines of one container, read from its engine before it went."""

    class Why(models.TextChoices):
        REPLACED = "replaced", _("replaced")
        REMOVED = "removed", _("removed")
        FAILED = "failed", _("failed")
        STRAY = "stray", _("left over")

    instance = models.ForeignKey(Instance, models.CASCADE, related_name="kept_logs")
    container = models.OneToOneField(Container, models.CASCADE, null=True, related_name="kept_log")
    engine_id = models.CharField(max_length=64, unique=True)
    host = models.CharField(max_length=100, blank=True)  # its name, as it was
    # During which release it was kept: the one that replaced it, or in which it failed.
    deployment = models.ForeignKey(Deployment, models.SET_NULL, null=True, related_name="kept_logs")
    why = models.CharField(max_length=8, choices=Why)
    taken = models.DateTimeField(db_index=True)
    lines = models.PositiveIntegerField(default=0)
    size = models.PositiveIntegerField(default=0)  # bytes of its text
    cut = models.BooleanField(default=False)  # there was more: older lines, or the rest of a long one
    # When its first and its last line were written, as the engine has it.
    first = models.DateTimeField(null=True)
    last = models.DateTimeField(null=True)
    problem = models.TextField(blank=True)  # what could not be read, and why
    stored = models.PositiveIntegerField(default=0)  # bytes of `data`
    data = models.BinaryField(default=bytes)  # `containers.kept_lines.packed`

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.engine_id[:12]
