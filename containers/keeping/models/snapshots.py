"""Volumes of instances as last seen, snapshots of them, and a place's policy."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.utils.translation import gettext_lazy as _

from containers.models import Deployment, Instance, ServiceEnvironment
from hosts.models import Host, HostOperation


class DataVolume(models.Model):
    """A volume of an instance as it was last seen on its host."""

    instance = models.ForeignKey(Instance, models.CASCADE, related_name="data_volumes")
    host = models.ForeignKey(Host, models.CASCADE, related_name="+")
    name = models.CharField(max_length=200)
    pool = models.CharField(max_length=100)
    target = models.CharField(max_length=500)
    size = models.BigIntegerField(null=True)  # bytes; None: its pool does not count
    others = models.JSONField(default=list)  # names of snapshots there that are not the platform's
    seen = models.DateTimeField()

    class Meta:
        ordering = ["instance", "target"]
        constraints = [models.UniqueConstraint(fields=["instance", "host", "pool", "name"], name="a_data_volume_once")]

    def __str__(self) -> str:
        return self.name


class Snapshot(models.Model):
    """All volumes of an instance at one moment, kept beside them on its host; named `xq-ID` there."""

    class State(models.TextChoices):
        TAKING = "taking", _("being taken")
        READY = "ready", _("ready")
        FAILED = "failed", _("failed")
        DROPPING = "dropping", _("being removed")
        GONE = "gone", _("removed")

    class Why(models.TextChoices):
        HAND = "hand", _("by hand")
        SCHEDULE = "schedule", _("by schedule")
        RELEASE = "release", _("before a release")
        RESTORE = "restore", _("before a restore")
        BACKUP = "backup", _("for a backup")

    instance = models.ForeignKey(Instance, models.CASCADE, related_name="snapshots")
    host = models.ForeignKey(Host, models.PROTECT, related_name="+")
    state = models.CharField(max_length=10, choices=State, default=State.TAKING)
    why = models.CharField(max_length=10, choices=Why, default=Why.HAND)
    volumes = models.JSONField(default=list)  # [{"name", "pool", "target", "size"}]
    # What ran above the data: {"image": digest, "tag", "config": version, "address": IP}
    manifest = models.JSONField(default=dict)
    pinned = models.BooleanField(default=False)  # no rule of retention removes it
    who = models.CharField(max_length=150)
    reason = models.CharField(max_length=500, blank=True)
    deployment = models.ForeignKey(Deployment, models.SET_NULL, null=True, related_name="snapshots")
    operation = models.ForeignKey(HostOperation, models.SET_NULL, null=True, related_name="+")
    created = models.DateTimeField(auto_now_add=True)
    taken = models.DateTimeField(null=True)  # the moment that the data is of
    # Containers (identities) that stand still for it, and since when: whoever finds them lets them go on.
    held = models.JSONField(default=list)
    held_since = models.DateTimeField(null=True)
    still_ms = models.PositiveIntegerField(default=0)  # how long they stood still
    words = models.CharField(max_length=500, blank=True)
    removed = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["instance", "state"], name="snapshots_of_instance")]

    def __str__(self) -> str:
        return f"{self.instance} {self.label}"

    @property
    def label(self) -> str:
        """Its name on the server."""
        return f"xq-{self.pk}"

    @property
    def size(self) -> int | None:
        """Bytes of the volumes at that moment; None where nobody counted."""
        sizes = [one.get("size") for one in self.volumes]
        return None if not sizes or None in sizes else sum(size for size in sizes if size is not None)


class Restore(models.Model):
    """Data that was put back as it was at a snapshot: by hand, or on a release's way back."""

    class State(models.TextChoices):
        RUNNING = "running", _("being put back")
        DONE = "done", _("put back")
        FAILED = "failed", _("failed")

    instance = models.ForeignKey(Instance, models.CASCADE, related_name="restores")
    snapshot = models.ForeignKey(Snapshot, models.CASCADE, related_name="restores")
    # Where it came from a backup, that is what is put back, and `snapshot` what was there before.
    backup = models.ForeignKey("keeping.Backup", models.SET_NULL, null=True, related_name="restores")
    # What was there before it was put back, as a snapshot of its own.
    safety = models.ForeignKey(Snapshot, models.SET_NULL, null=True, related_name="+")
    state = models.CharField(max_length=8, choices=State, default=State.RUNNING)
    who = models.CharField(max_length=150)
    reason = models.CharField(max_length=500, blank=True)
    deployment = models.ForeignKey(Deployment, models.SET_NULL, null=True, related_name="restores")
    operation = models.ForeignKey(HostOperation, models.SET_NULL, null=True, related_name="+")
    created = models.DateTimeField(auto_now_add=True)
    ended = models.DateTimeField(null=True)
    # To go on, or to go back, after a death: {"ran": [containers], "wanted": {instance: state}, "begun": data was touched?}
    notes = models.JSONField(default=dict)
    words = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["instance"], condition=models.Q(state="running"), name="one_restore_an_instance"
            )
        ]

    def __str__(self) -> str:
        return f"{self.instance} ← {self.source}"

    @property
    def source(self) -> str:
        """The name of what is put back."""
        return self.backup.label if self.backup is not None else self.snapshot.label

    @property
    def as_of(self) -> datetime | None:
        return self.backup.taken if self.backup is not None else self.snapshot.taken


class SnapshotPolicy(models.Model):
    """When a place's data is snapshot by itself, and how long that is kept: see `containers.keeping.shape.Policy`."""

    place = models.OneToOneField(ServiceEnvironment, models.CASCADE, related_name="snapshot_policy")
    content = models.JSONField(default=dict)
    author_name = models.CharField(max_length=150, blank=True)
    changed = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return str(self.place)
