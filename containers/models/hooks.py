"""Runs of hooks: one row a hook, point and instance of a change; a repetition after a death is the same row."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from containers.models.deployments import Deployment, Step
from containers.models.instances import Instance
from containers.models.services import ServiceEnvironment


def new_key() -> str:
    return uuid.uuid4().hex


class HookRun(models.Model):
    class State(models.TextChoices):
        RUNNING = "running", _("running")
        SUCCEEDED = "succeeded", _("succeeded")
        FAILED = "failed", _("failed")
        HELD = "held", _("holds")
        PASSED = "passed", _("went on without it")

    DONE = (State.SUCCEEDED, State.PASSED)

    place = models.ForeignKey(ServiceEnvironment, models.CASCADE, related_name="hook_runs")
    deployment = models.ForeignKey(Deployment, models.CASCADE, null=True, related_name="hook_runs")
    step = models.ForeignKey(Step, models.CASCADE, null=True, related_name="hook_runs")
    instance = models.ForeignKey(Instance, models.CASCADE, null=True, related_name="hook_runs")
    build = models.ForeignKey("builds.Build", models.CASCADE, null=True, related_name="+")
    batch = models.PositiveIntegerField(null=True)  # of a batch's hooks
    slot = models.CharField(max_length=200, unique=True)  # what makes a repetition the same run
    key = models.CharField(
        max_length=32, unique=True, default=new_key
    )  # sent along: by it a receiver knows a repetition
    point = models.CharField(max_length=20)
    name = models.CharField(max_length=40)
    kind = models.CharField(max_length=10)  # command, host, http; nginx: the front's upstream
    way = models.CharField(max_length=8, default="forward")  # forward, back, test
    what = models.TextField(blank=True)  # what it does, in a line
    state = models.CharField(max_length=10, choices=State, default=State.RUNNING)
    attempts = models.PositiveSmallIntegerField(default=0)
    code = models.IntegerField(null=True)  # the exit code, or the HTTP status
    output = models.TextField(blank=True)
    truncated = models.BooleanField(default=False)
    words = models.TextField(blank=True)  # why it failed
    # What a person asked for while it holds: retry, pass
    asked = models.CharField(max_length=6, blank=True)
    asked_name = models.CharField(max_length=150, blank=True)
    created = models.DateTimeField(auto_now_add=True)
    started = models.DateTimeField(null=True)  # of the last try
    ended = models.DateTimeField(null=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.point} {self.name}"
