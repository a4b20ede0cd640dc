"""What tells the platform's own work on engines from other people's (hosts/outside/)."""

from __future__ import annotations

from django.db import models

from hosts.models.machines import Host


class OwnCall(models.Model):
    """A call of the platform's that changes something on an engine. Times are Unix times; kept for some hours."""

    mark = models.CharField(max_length=32, unique=True)
    where = models.CharField(max_length=250)  # the host's name
    verb = models.CharField(max_length=20)
    target = models.CharField(max_length=250, blank=True)  # an id or a name; empty: any
    command = models.CharField(max_length=16, blank=True)  # of an exec: a digest, since arguments may be passwords
    began = models.FloatField(db_index=True)
    ended = models.FloatField(null=True)

    def __str__(self) -> str:
        return f"{self.verb} {self.target} on {self.where}"


class Ear(models.Model):
    """How far a host's events were judged, so that whoever goes on hears nothing twice and misses nothing."""

    host = models.OneToOneField(Host, models.CASCADE, related_name="ear")
    position = models.BigIntegerField()  # nanoseconds by the engine's clock: all up to here is judged
    judged = models.JSONField(default=list)  # marks of what was judged beyond
    windows = models.JSONField(default=dict)  # of what was done often: {action: a `shape.Window`}

    def __str__(self) -> str:
        return str(self.host)
