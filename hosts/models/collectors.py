"""The collector of a host: whether it is there, who reads it, how far, and what it costs. «Health of the monitoring»."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from hosts.models.machines import Host
from hosts.runtimes import TRAITS


class Collector(models.Model):
    """One a host, made by the platform itself. Times of ticks are seconds of the machine's uptime."""

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")  # the host was not reached yet
        PLACED = "placed", _("placed")
        PROCESS = "process", _("a process over SSH")
        SERVER = "server", _("the server's own counters")
        FALLBACK = "fallback", _("the engine is asked instead")
        OFF = "off", _("off")  # (where the engine refuses to be asked, too, the trouble says so)

    class Way(models.TextChoices):
        CONTAINER = "container", _("a container beside the others")
        SSH = "ssh", _("a process over SSH, without a container")
        OFF = "off", _("not at all")

    READ = (State.PLACED, State.PROCESS, State.SERVER, State.FALLBACK)
    host = models.OneToOneField(Host, models.CASCADE, related_name="collector")
    way = models.CharField(max_length=10, choices=Way, default=Way.CONTAINER)  # how the host shall be measured
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    reason = models.TextField(blank=True)  # of a state that is not «placed», and what is missing of one that is
    version = models.CharField(max_length=40, blank=True)  # what runs
    container = models.CharField(max_length=64, blank=True)  # its engine id
    tried = models.DateTimeField(null=True)  # when it was last placed or looked after
    # Workers agree by these who reads it (`xqplatform.leases`).
    lease = models.CharField(max_length=200, blank=True)
    lease_until = models.DateTimeField(null=True)
    # How far it was read: kept together with the samples, so that whoever goes on writes nothing twice.
    boot = models.CharField(max_length=40, blank=True)
    clock = models.FloatField(default=0)  # the platform's time less the machine's uptime
    position = models.FloatField(default=0)
    seq = models.BigIntegerField(default=0)
    every = models.FloatField(default=0)  # seconds between ticks
    lines = models.IntegerField(default=0)  # of its last block
    last_sample = models.FloatField(null=True)  # Unix time of the newest sample
    lag = models.FloatField(null=True)  # seconds from the last tick to its samples being stored
    lost_ticks = models.BigIntegerField(default=0)
    lines_bad = models.BigIntegerField(default=0)
    containers = models.IntegerField(default=0)  # in its last block
    stored = models.IntegerField(default=0)  # of them, those that belong to an instance
    cpu = models.FloatField(null=True)  # cores
    memory = models.BigIntegerField(null=True)  # bytes
    trouble = models.TextField(blank=True)  # why its stream is not read just now

    def __str__(self) -> str:
        return f"{self.host}: {self.state}"

    @property
    def ways(self) -> list[tuple[str, str]]:
        """How this host can be measured, with words for it."""
        words = {way.value: str(way.label) for way in self.Way}
        if TRAITS[self.host.runtime].measures:
            words["container"] = gettext("the server's own counters")
            words["ssh"] = gettext("the server's own counters, and a process over SSH for the machine")
        return list(words.items())

    @property
    def way_words(self) -> str:
        return dict(self.ways)[self.way]

    @property
    def read(self) -> bool:
        """Whether somebody shall read it."""
        return self.state in self.READ
