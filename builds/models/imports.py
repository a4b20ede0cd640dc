"""Images that were not built: a tarball that somebody uploads, the root of an instance."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from builds.models.builds import Blueprint, Image, Project, Registry
from hosts.models import Host


class ImageImport(models.Model):
    """One upload, or one instance, on its way into the registry. What lies on the disk for it: `builds.imports.place`."""

    class Kind(models.TextChoices):
        UPLOAD = "upload", _("uploaded")
        INSTANCE = "instance", _("of an instance")

    class State(models.TextChoices):
        RECEIVING = "receiving", _("receiving")  # pieces of the upload are still to come
        QUEUED = "queued", _("queued")
        RUNNING = "running", _("running")
        SUCCEEDED = "succeeded", _("succeeded")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")

    ACTIVE = (State.QUEUED, State.RUNNING)
    OPEN = (State.RECEIVING, State.QUEUED, State.RUNNING)

    # One of the two: whose image it becomes.
    project = models.ForeignKey(Project, models.CASCADE, null=True, blank=True, related_name="imports")
    blueprint = models.ForeignKey(Blueprint, models.CASCADE, null=True, blank=True, related_name="imports")
    kind = models.CharField(max_length=8, choices=Kind, default=Kind.UPLOAD)
    name = models.CharField(max_length=200)  # of the file, or of the instance
    size = models.BigIntegerField(default=0)  # bytes of the upload, as announced
    sha256 = models.CharField(max_length=64, blank=True)  # of the upload, as announced; empty: not said
    # Of an instance: where it runs, its identity there, and what it was made of.
    host = models.ForeignKey(Host, models.SET_NULL, null=True, blank=True, related_name="+")
    engine_id = models.CharField(max_length=80, blank=True)
    parent = models.ForeignKey(Image, models.SET_NULL, null=True, blank=True, related_name="+")
    note = models.CharField(max_length=500, blank=True)
    registry = models.ForeignKey(Registry, models.SET_NULL, null=True, related_name="+")
    state = models.CharField(max_length=10, choices=State, default=State.RECEIVING, db_index=True)
    step = models.CharField(max_length=12, blank=True)  # of builds.imports.work.STEPS
    done = models.BigIntegerField(default=0)  # bytes of the step
    total = models.BigIntegerField(default=0)
    reason = models.TextField(blank=True)
    made = models.JSONField(default=dict, blank=True)  # the layer, once there is one: builds.imports.layer.Made
    image = models.OneToOneField(Image, models.SET_NULL, null=True, blank=True, related_name="imported")
    cancel_requested = models.BooleanField(default=False)
    attempts = models.PositiveSmallIntegerField(default=0)
    retry_at = models.DateTimeField(null=True)
    lease = models.CharField(max_length=160, blank=True)
    lease_until = models.DateTimeField(null=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_name = models.CharField(max_length=150, blank=True)
    created = models.DateTimeField(auto_now_add=True)
    changed = models.DateTimeField(auto_now=True)  # a piece came
    finished = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.name

    @property
    def open(self) -> bool:
        return self.state in self.OPEN

    @property
    def target(self) -> Project | Blueprint:
        found = self.project or self.blueprint
        assert found is not None
        return found
