"""Volumes that instances left behind which were removed: kept for a time, brought back, or removed by the beat."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from builds.models import Image
from containers.models import ConfigVersion, ServiceEnvironment
from hosts.models import Host, HostOperation


class LeftData(models.Model):
    """What a service in an environment left on one host when its last instance there went."""

    class State(models.TextChoices):
        KEPT = "kept", _("kept")
        BACK = "back", _("in use again")
        REMOVING = "removing", _("being removed")
        GONE = "gone", _("removed")

    OPEN = (State.KEPT, State.REMOVING)

    place = models.ForeignKey(ServiceEnvironment, models.CASCADE, related_name="left_data")
    host = models.ForeignKey(Host, models.CASCADE, related_name="+")
    numbers = models.JSONField(default=list)  # of the instances that had it
    volumes = models.JSONField(default=list)  # [{"name", "pool", "target", "size"}]; pool empty: not looked at yet
    image = models.ForeignKey(Image, models.SET_NULL, null=True, related_name="+")  # what ran above it last
    config = models.ForeignKey(ConfigVersion, models.SET_NULL, null=True, related_name="+")
    state = models.CharField(max_length=10, choices=State, default=State.KEPT)
    left = models.DateTimeField()
    until = models.DateTimeField()  # it is kept at least so long
    words = models.CharField(max_length=500, blank=True)  # why it is there still
    operation = models.ForeignKey(HostOperation, models.SET_NULL, null=True, related_name="+")
    ended = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["place", "host"], condition=models.Q(state__in=["kept", "removing"]), name="left_data_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.place} ({self.host})"

    @property
    def size(self) -> int | None:
        """Bytes of all its volumes; None: not all are counted."""
        sizes = [one.get("size") for one in self.volumes]
        return None if any(size is None for size in sizes) else sum(sizes)
