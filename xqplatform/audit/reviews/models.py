"""The queue of events to review. Events never change, so what becomes of them stands in rows of its own."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class ReviewRule(models.Model):
    """Which events are taken. A built-in one (`slug`) is only switched on and off."""

    class Denied(models.TextChoices):
        ANY = "", "any"
        ONLY = "only", "only denied"
        NONE = "none", "only done"

    slug = models.CharField(max_length=40, blank=True)
    name = models.CharField(max_length=120)
    enabled = models.BooleanField(default=True)
    actions = models.JSONField(default=list)  # «service.deploy», «host.*»
    environment = models.CharField(max_length=60, blank=True)
    production = models.BooleanField(default=False)  # any environment that is production
    denied = models.CharField(max_length=4, choices=Denied, default=Denied.ANY, blank=True)
    created_name = models.CharField(max_length=150, blank=True)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["slug"], condition=~models.Q(slug=""), name="a_built_in_rule_once"),
            models.UniqueConstraint(fields=["name"], condition=models.Q(slug=""), name="an_own_review_rule_once"),
        ]

    def __str__(self) -> str:
        return self.name


class Review(models.Model):
    """One event to look at, with what is asked of it; the event itself may be in a sealed archive by then."""

    event = models.BigIntegerField(unique=True)
    time = models.DateTimeField(db_index=True)  # of the event
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")  # who did it
    actor = models.CharField(max_length=150)
    action = models.CharField(max_length=60)
    denied = models.BooleanField(default=False)
    object_type = models.CharField(max_length=60, blank=True)
    object_id = models.CharField(max_length=60, blank=True)
    object_name = models.CharField(max_length=250, blank=True)
    parent_id = models.CharField(max_length=60, blank=True)  # of what the object belongs to
    environment = models.CharField(max_length=60, blank=True)
    reason = models.TextField(blank=True)
    rules = models.JSONField(default=list)  # names of those that took it, as they were
    taken = models.DateTimeField(auto_now_add=True)
    reviewed = models.DateTimeField(null=True, db_index=True)
    reviewed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    reviewed_name = models.CharField(max_length=150, blank=True)
    comment = models.TextField(blank=True)

    class Meta:
        ordering = ["time", "id"]
        indexes = [models.Index(fields=["action", "object_type", "object_id"])]

    def __str__(self) -> str:
        return f"{self.actor} {self.action} {self.object_name}"


class Feed(models.Model):
    """How far events were taken: one row."""

    position = models.BigIntegerField(default=0)  # in the chain

    def __str__(self) -> str:
        return str(self.position)
