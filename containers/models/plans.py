"""The plan of a release as somebody confirmed it: it stays, whatever changes afterwards."""

from __future__ import annotations

from django.db import models

from containers.models.deployments import Deployment


class ConfirmedPlan(models.Model):
    deployment = models.OneToOneField(Deployment, models.CASCADE, related_name="confirmed_plan")
    # {"plan": `Plan.to_json`, and what `preview.gather` says of it}; no value of a variable or a secret is in it
    content = models.JSONField()
    made = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.deployment}"
