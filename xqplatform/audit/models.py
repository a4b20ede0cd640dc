"""The audit log: one row an event, never changed."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from xqplatform.audit.search.models import Indexed, SavedView

__all__ = ["Event", "Indexed", "SavedView"]


class Event(models.Model):
    time = models.DateTimeField(auto_now_add=True, db_index=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    actor = models.CharField(max_length=150, db_index=True)  # frozen as text: people leave, the log stays
    via = models.CharField(max_length=8)
    ip = models.CharField(max_length=45, blank=True)
    request_id = models.CharField(max_length=40, blank=True, db_index=True)
    action = models.CharField(max_length=60, db_index=True)
    object_type = models.CharField(max_length=40, blank=True)
    object_id = models.CharField(max_length=40, blank=True)
    object_name = models.CharField(max_length=250, blank=True)
    parent_type = models.CharField(max_length=40, blank=True)
    parent_id = models.CharField(max_length=40, blank=True)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    reason = models.TextField(blank=True)
    denied = models.BooleanField(default=False)

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["object_type", "object_id"]),
            models.Index(fields=["parent_type", "parent_id"]),
        ]

    def __str__(self) -> str:
        return f"{self.actor} {self.action} {self.object_name}"
