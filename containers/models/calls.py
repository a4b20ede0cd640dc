"""What was asked of engines during a release, and what they answered."""

from __future__ import annotations

from django.db import models

from containers.models.deployments import Deployment


class CallBlock(models.Model):
    """Some entries, compressed (`containers.recorder.book`). Number 0: the last ones, written anew while they change."""

    deployment = models.ForeignKey(Deployment, models.CASCADE, related_name="call_blocks")
    number = models.PositiveIntegerField()
    data = models.BinaryField(default=bytes)

    class Meta:
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["deployment", "number"], name="call_block_number")]

    def __str__(self) -> str:
        return f"{self.deployment_id}/{self.number}"
