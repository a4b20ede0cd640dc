"""Volumes that moves made or left: what is on its way, and what stays on a host for a time after a move."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from containers.models.deployments import Step
from containers.models.instances import Instance
from hosts.models import Host


class MovedVolume(models.Model):
    class Kind(models.TextChoices):
        ARRIVING = "arriving", _("on its way")
        LEFT = "left", _("left by a move")
        RETURNED = "returned", _("left by a move that was taken back")

    instance = models.ForeignKey(Instance, models.CASCADE, related_name="moved_volumes")
    step = models.ForeignKey(Step, models.SET_NULL, null=True, related_name="+")
    host = models.ForeignKey(Host, models.CASCADE, related_name="+")
    pool = models.CharField(max_length=100)
    name = models.CharField(max_length=200)  # its name there: `xq-moved-ID` once it was put aside
    was = models.CharField(max_length=200)  # the name under which the instance has it
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.ARRIVING)
    created = models.DateTimeField(auto_now_add=True)
    until = models.DateTimeField(null=True)  # when it is removed; None: not as long as it is on its way
    removed = models.DateTimeField(null=True)
    words = models.TextField(blank=True)  # why it could not be removed

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["removed", "until"])]

    def __str__(self) -> str:
        return self.was

    @property
    def aside(self) -> str:
        """Its name once it is put aside."""
        return f"xq-moved-{self.pk}"
