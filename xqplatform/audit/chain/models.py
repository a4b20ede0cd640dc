"""Rows of the chain. The database refuses to change or remove them (`triggers`)."""

from __future__ import annotations

from django.db import models


class Link(models.Model):
    """An event's place in the chain. Written once, soon after the event was committed (`linking`)."""

    position = models.BigIntegerField(primary_key=True)  # from 1, without a gap
    event_id = models.BigIntegerField(unique=True)
    previous = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)
    form = models.PositiveSmallIntegerField(default=1)  # which canonical form

    class Meta:
        ordering = ["position"]

    def __str__(self) -> str:
        return f"{self.position} {self.hash[:12]}"


class Unlinked(models.Model):
    """An event that waits for its link. A trigger writes it with the event, the linker removes it with the link."""

    event_id = models.BigIntegerField(primary_key=True)

    def __str__(self) -> str:
        return str(self.event_id)


class Checkpoint(models.Model):
    """A signed statement of how long the chain is and what its last hash is (`statements`)."""

    position = models.BigIntegerField(primary_key=True)
    time = models.DateTimeField()
    line = models.TextField()  # as it was signed

    class Meta:
        ordering = ["-position"]

    def __str__(self) -> str:
        return f"checkpoint {self.position}"
