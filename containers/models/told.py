"""What is known of reading applications: how it went with each endpoint, and which process reads and hears."""

from __future__ import annotations

from django.db import models

from containers.models.instances import Instance


class Endpoint(models.Model):
    """How the last reading of an instance's Prometheus endpoint went. Written when that changes, and once a minute."""

    instance = models.OneToOneField(Instance, models.CASCADE, related_name="endpoint")
    trouble = models.TextField(blank=True)  # why there was no answer, in words
    since = models.DateTimeField()  # of this outcome
    read = models.DateTimeField()  # the last reading, good or not, within a minute
    answered = models.DateTimeField(null=True)  # the last answer, within a minute
    missing = models.JSONField(default=list, blank=True)  # names that are to be kept and were not in the answer
    cut = models.BooleanField(default=False)  # it has more series than are read

    def __str__(self) -> str:
        return f"{self.instance_id}: {self.trouble or 'ok'}"


class Ear(models.Model):
    """A share of the work of reading and hearing, done by the process that holds the lease: «read-0» …, «statsd»."""

    name = models.CharField(max_length=20, unique=True)
    lease = models.CharField(max_length=200, blank=True)
    lease_until = models.DateTimeField(null=True)
    at = models.DateTimeField(null=True)  # when it last said something about itself
    trouble = models.TextField(blank=True)
    counts = models.JSONField(default=dict, blank=True)  # since its process began: {"heard": …, "unknown": …}

    def __str__(self) -> str:
        return self.name
