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


class Verification(models.Model):
    """One run of verifying the whole log. Whoever goes on after a death begins at `position`."""

    class State(models.TextChoices):
        RUNNING = "running"
        SUCCEEDED = "succeeded"
        FAILED = "failed"

    began = models.DateTimeField(auto_now_add=True)
    ended = models.DateTimeField(null=True)
    by = models.CharField(max_length=150)
    state = models.CharField(max_length=10, choices=State.choices, default=State.RUNNING)
    position = models.BigIntegerField(default=0)
    hash = models.CharField(max_length=64, blank=True)
    done = models.BigIntegerField(default=0)
    total = models.BigIntegerField(default=0)
    faults = models.JSONField(default=list)  # [kind, position, event, words]
    found = models.BigIntegerField(default=0)  # faults altogether
    checkpoints = models.IntegerField(default=0)
    problem = models.TextField(blank=True)  # why it could not be verified, or what else is wrong
    lease = models.CharField(max_length=200, blank=True)
    lease_until = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"verification {self.pk} {self.state}"


class Outlet(models.Model):
    """Where events or checkpoints are sent, and how far that is. The addresses are in the surroundings."""

    name = models.CharField(max_length=30, primary_key=True)
    address = models.CharField(max_length=300)  # as it was when `position` was reached
    position = models.BigIntegerField(default=0)
    ok = models.BooleanField(null=True)
    since = models.DateTimeField(null=True)  # since when it is ok, or not
    problem = models.TextField(blank=True)
    failed = models.IntegerField(default=0)  # attempts in a row
    due = models.DateTimeField(null=True)
    lease = models.CharField(max_length=200, blank=True)
    lease_until = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.name


class Archive(models.Model):
    """A stretch of the chain that left the database for a sealed file (`archives`). Only while it is «removing» its rows may go."""

    class State(models.TextChoices):
        FAILED = "failed"
        REMOVING = "removing"
        SEALED = "sealed"

    first = models.BigIntegerField(primary_key=True)
    last = models.BigIntegerField()
    hash = models.CharField(max_length=64, blank=True)  # of its last event: what the database's chain goes on from
    state = models.CharField(max_length=10, choices=State.choices)
    line = models.TextField(blank=True)  # the signed manifest
    problem = models.TextField(blank=True)
    time = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["first"]

    def __str__(self) -> str:
        return f"archive {self.first}–{self.last}"
