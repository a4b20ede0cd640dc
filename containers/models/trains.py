"""Trains: releases of many services in an order, decided as one."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from builds.models import Image, Wave
from containers.models.deployments import Deployment
from containers.models.services import ServiceEnvironment


class Train(models.Model):
    """Cars in stages: those of one stage go side by side, the next stage when the former is done."""

    class State(models.TextChoices):
        PLANNED = "planned", _("planned")
        RUNNING = "running", _("running")
        PAUSED = "paused", _("paused")
        STOPPING = "stopping", _("stopping")  # nothing new begins; what is under way ends
        ROLLING_BACK = "rolling_back", _("rolling back")  # its stage goes back to what ran before
        SUCCEEDED = "succeeded", _("succeeded")
        FAILED = "failed", _("failed")
        ROLLED_BACK = "rolled_back", _("rolled back")
        CANCELLED = "cancelled", _("cancelled")

    class OnFailure(models.TextChoices):
        STOP = "stop", _("stop the train")
        ROLLBACK = "rollback", _("roll its stage back, and stop")
        GO_ON = "go_on", _("go on with the others")

    ACTIVE = (State.RUNNING, State.PAUSED, State.STOPPING, State.ROLLING_BACK)
    TERMINAL = (State.SUCCEEDED, State.FAILED, State.ROLLED_BACK, State.CANCELLED)

    name = models.CharField(_("name"), max_length=120)
    state = models.CharField(max_length=14, choices=State, default=State.PLANNED, db_index=True)
    on_failure = models.CharField(max_length=8, choices=OnFailure, default=OnFailure.STOP)
    reason = models.TextField(blank=True)  # why it was asked for
    why = models.TextField(blank=True)  # what became of it, or why it is in this state, in a sentence
    stage = models.PositiveSmallIntegerField(default=0)  # which one goes back, while it is rolled back
    aborted = models.BooleanField(default=False)  # by a person
    wave = models.ForeignKey(Wave, models.SET_NULL, null=True, related_name="trains")  # whose images it takes along
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_name = models.CharField(max_length=150, blank=True)
    created = models.DateTimeField(auto_now_add=True)
    # Who began it: its releases are this person's, by the rights that the person has when each begins.
    begun_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    begun_name = models.CharField(max_length=150, blank=True)
    system = models.BooleanField(default=False)  # begun by the platform itself
    started = models.DateTimeField(null=True)
    finished = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.name

    @property
    def is_active(self) -> bool:
        return self.state in self.ACTIVE


class Car(models.Model):
    """One release of a train. How it stands is what its release says; `trouble`: why there could be none."""

    train = models.ForeignKey(Train, models.CASCADE, related_name="cars")
    stage = models.PositiveSmallIntegerField()  # from 1
    position = models.PositiveSmallIntegerField(default=0)
    place = models.ForeignKey(ServiceEnvironment, models.CASCADE, related_name="cars")
    # None: the newest built one; which one that is, is settled when the train begins.
    image = models.ForeignKey(Image, models.PROTECT, null=True, related_name="+")
    newest = models.BooleanField(default=False)
    policy = models.JSONField(default=dict)
    deployment = models.OneToOneField(Deployment, models.CASCADE, null=True, related_name="car")
    trouble = models.TextField(blank=True)
    # The release that brings it back, or why there is none.
    back = models.OneToOneField(Deployment, models.CASCADE, null=True, related_name="car_back")
    back_trouble = models.TextField(blank=True)

    class Meta:
        ordering = ["stage", "position", "id"]
        constraints = [
            models.UniqueConstraint(fields=["train", "stage", "place"], name="a_place_once_a_stage"),
        ]

    def __str__(self) -> str:
        return f"{self.train_id}/{self.stage}: {self.place_id}"


class TrainTemplate(models.Model):
    """A train to run again: its cars by name, always with the newest built images."""

    name = models.CharField(_("name"), max_length=120, unique=True)
    # {"on_failure", "cars": [{"stage", "service", "environment", "policy"}]}
    content = models.JSONField(default=dict)
    created_name = models.CharField(max_length=150, blank=True)
    updated = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
