"""Files that were applied to services and environments."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from containers.models.services import Environment, Service


class AppliedFile(models.Model):
    """One document of a file that somebody applied: its text, and what that changed. The newest one is what drift is against."""

    service = models.ForeignKey(Service, models.CASCADE, null=True, related_name="files")
    environment = models.ForeignKey(Environment, models.CASCADE, null=True, related_name="files")
    text = models.TextField()
    given = models.JSONField(default=dict)  # what the document gives, read: `ascode.reading.Given.data`
    prune = models.BooleanField(default=False)
    changes = models.JSONField(default=list)  # `ascode.difference.Change` as JSON; no secret is in it
    reason = models.CharField(max_length=250, blank=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    by_name = models.CharField(max_length=150)
    via = models.CharField(max_length=10, blank=True)  # page, api, cli
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(service=None) ^ models.Q(environment=None), name="a_file_is_of_one_thing"
            )
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"

    @property
    def kind(self) -> str:
        return "Service" if self.service_id else "Environment"

    @property
    def name(self) -> str:
        """Of what it is."""
        thing = self.service or self.environment
        return thing.slug if thing is not None else ""
