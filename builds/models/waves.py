"""Waves: a base image's change on its way through all that stands on it."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from builds.models.builds import Blueprint, Build, Project


class Wave(models.Model):
    """A base image's change on its way: what stands on it is built anew, parents first."""

    class State(models.TextChoices):
        BUILDING = "building", _("building")
        STOPPING = "stopping", _("stopping")  # nothing further is built; what is being built is finished
        SUCCEEDED = "succeeded", _("succeeded")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")

    class Source(models.TextChoices):
        RUNNING = "running", _("the commits that run, so that only the base changes")
        NEWEST = "newest", _("the newest commit of their branches")

    ACTIVE = (State.BUILDING, State.STOPPING)

    blueprint = models.ForeignKey(Blueprint, models.CASCADE, related_name="waves")
    state = models.CharField(max_length=10, choices=State, default=State.BUILDING, db_index=True)
    source = models.CharField(max_length=8, choices=Source, default=Source.RUNNING)
    reason = models.TextField(blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_name = models.CharField(max_length=150, blank=True)
    system = models.BooleanField(default=False)  # begun by the platform itself
    created = models.DateTimeField(auto_now_add=True)
    finished = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.blueprint} #{self.pk}"


class WaveItem(models.Model):
    """One build of a wave: of a base image, or of a project's revision. How it stands is what its build says."""

    wave = models.ForeignKey(Wave, models.CASCADE, related_name="items")
    after = models.ForeignKey("self", models.CASCADE, null=True, related_name="followers")  # whose image it is built on
    depth = models.PositiveSmallIntegerField(default=0)
    blueprint = models.ForeignKey(Blueprint, models.CASCADE, null=True, related_name="wave_items")
    project = models.ForeignKey(Project, models.CASCADE, null=True, related_name="wave_items")
    branch = models.CharField(max_length=120, blank=True)
    revision = models.CharField(max_length=40, blank=True)  # empty: the branch's newest
    build = models.ForeignKey(Build, models.SET_NULL, null=True, related_name="wave_items")
    trouble = models.TextField(blank=True)  # why there could be no build
    left = models.BooleanField(default=False)  # not built: what it stands on was not, or the wave was stopped

    class Meta:
        ordering = ["depth", "id"]

    def __str__(self) -> str:
        return str(self.blueprint or self.project)
