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


class ImageContents(models.Model):
    """Of which layers and packages an image is; an image never changes, so what is known stays."""

    key = models.CharField(max_length=200, unique=True)  # its digest, else its id
    # [{"size": bytes as they travel, "chain": `hosts.images.chains`}], the lowest first
    layers = models.JSONField(default=list)
    layers_problem = models.TextField(blank=True)  # why the registry could not be asked last
    kind = models.CharField(max_length=8, blank=True)  # of its packages: dpkg, apk, rpm, none; empty: not known
    packages = models.JSONField(default=dict)  # {name: version}
    packages_problem = models.TextField(blank=True)
    asked = models.DateTimeField(null=True)  # workers agree by it: one look at a time
    done = models.BooleanField(default=False)  # the last look has ended
    complete = models.BooleanField(default=False)  # nothing is left to be asked

    def __str__(self) -> str:
        return self.key
