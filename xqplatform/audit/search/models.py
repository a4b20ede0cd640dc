"""What the index keeps of an event beside its tokens. Rows are made anew at any time: nothing is proved by them."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models

from xqplatform.audit.search import among  # noqa: F401  # registers the look-up


class Indexed(models.Model):
    """One an event that can be found. Its tokens are in the table `audit_tokens`, which each database has in its own way."""

    event_id = models.BigIntegerField(primary_key=True)
    words = models.TextField()  # in their order; « | » between texts
    service = models.CharField(max_length=60, blank=True)
    environment = models.CharField(max_length=60, blank=True)
    host = models.CharField(max_length=80, blank=True)
    instance = models.CharField(max_length=20, blank=True)

    def __str__(self) -> str:
        return str(self.event_id)


class SavedView(models.Model):
    """A search that somebody keeps, for themselves or for all who read the log."""

    owner: models.ForeignKey[Any, Any] = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="audit_views"
    )
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=2000, blank=True)  # the page's address from the question mark on
    shared = models.BooleanField(default=False)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name", "pk"]
        constraints = [models.UniqueConstraint(fields=["owner", "name"], name="a_view_a_name")]

    def __str__(self) -> str:
        return self.name
