"""Which images lie on a host."""

from __future__ import annotations

from django.db import models

from hosts.models.machines import Host


class HostImages(models.Model):
    """What the engine had when it was last asked; nobody asks all the time, only who wants to know what a release pulls."""

    host = models.OneToOneField(Host, models.CASCADE, related_name="images_seen")
    # Engine's id of each image → the chains of its layers from the lowest on (`hosts.images.chains`)
    images = models.JSONField(default=dict)
    references = models.JSONField(default=list)  # «registry/repository@sha256:…», «repository:tag»
    looked = models.DateTimeField(null=True)  # when it answered last
    asked = models.DateTimeField(null=True)  # workers agree by it: one look a host at a time
    problem = models.TextField(blank=True)  # why it could not be asked last; what is above is then older

    def __str__(self) -> str:
        return str(self.host)
