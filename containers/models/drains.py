"""Drains: a host whose instances move to others, place by place, until it is empty."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from hosts.models import Host


class Drain(models.Model):
    class State(models.TextChoices):
        ACTIVE = "active", _("draining")
        DONE = "done", _("drained")
        CANCELLED = "cancelled", _("cancelled")

    host = models.ForeignKey(Host, models.CASCADE, related_name="drains")
    state = models.CharField(max_length=10, choices=State, default=State.ACTIVE, db_index=True)
    reason = models.TextField(blank=True)
    total = models.PositiveIntegerField(default=0)  # instances that stood there when it began
    with_data = models.BooleanField(default=False)  # instances with data move, too; their data stays behind
    fenced = models.BooleanField(default=False)  # somebody made sure that the machine is off
    # What does not go on by itself: [{"place", "number", "why"}]; and who is waited for: [{"place", "release", "why"}]
    blocked = models.JSONField(default=list, blank=True)
    waits = models.JSONField(default=list, blank=True)
    retried = models.DateTimeField(null=True)  # moves that failed before then are tried again
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_name = models.CharField(max_length=150, blank=True)
    created = models.DateTimeField(auto_now_add=True)
    finished = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["host"], condition=models.Q(state="active"), name="one_active_drain_a_host")
        ]

    def __str__(self) -> str:
        return f"{self.host}"
