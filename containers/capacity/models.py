"""One row a finished day (by UTC) of what hosts, places and segments had and used: what all pages of capacity read.

Used figures are of the day's pieces of ten minutes (hours where nothing finer is kept): each piece is the mean of its samples, all pieces weigh the
same, and pieces without a sample count for nothing. `p95` is the value that 95 % of the pieces do not exceed, `max` the highest
piece. What was not measured is null, never zero. Memory is the working set of instances and what a host has not available, in
bytes; CPU is in cores.
"""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from containers.models import ServiceEnvironment
from hosts.models import Host, HostGroup, Segment


class Day(models.Model):
    """A day whose rows are all there. It is made anew by nobody: samples that come later are not in it."""

    day = models.DateField(primary_key=True)
    made = models.DateTimeField()
    # What stood and was promised is of the day's end, by the records of it (`past.py`); else as it was when the row was made.
    recorded = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"{self.day}"


class Used(models.Model):
    """Cores and bytes."""

    cpu_p50 = models.FloatField(null=True)
    cpu_p95 = models.FloatField(null=True)
    cpu_max = models.FloatField(null=True)
    memory_p50 = models.BigIntegerField(null=True)
    memory_p95 = models.BigIntegerField(null=True)
    memory_max = models.BigIntegerField(null=True)

    class Meta:
        abstract = True


class Round(models.Model):
    """Who rolls days up: one process at a time (`xqplatform.leases`)."""

    lease = models.CharField(max_length=160, blank=True)
    lease_until = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"round, {self.lease or 'free'}"


class HostDay(Used):
    """A host on a day. What is promised, how many instances stand there and its group are as at the day's end; what it has is as it
    was when the row was made.
    """

    day = models.DateField()
    host = models.ForeignKey(Host, models.CASCADE, related_name="days")
    group = models.ForeignKey(HostGroup, models.SET_NULL, null=True, related_name="+")
    cpus = models.PositiveIntegerField()
    memory = models.BigIntegerField()
    cpus_allocatable = models.FloatField()
    memory_allocatable = models.BigIntegerField()
    cpus_committed = models.FloatField()
    memory_committed = models.BigIntegerField()
    instances = models.PositiveIntegerField()
    disk_total = models.BigIntegerField(null=True)  # of the file system of the engine's data root, at the day's end
    disk_used = models.BigIntegerField(null=True)

    class Meta:
        ordering = ["host", "day"]
        constraints = [models.UniqueConstraint(fields=["host", "day"], name="a_host_once_a_day")]
        indexes = [models.Index(fields=["day"], name="capacity_host_by_day")]

    def __str__(self) -> str:
        return f"{self.host_id} {self.day}"


class PlaceDay(Used):
    """A service in an environment on a day: all its instances together, those that went in its course included."""

    day = models.DateField()
    place = models.ForeignKey(ServiceEnvironment, models.CASCADE, related_name="days")
    instances = models.PositiveIntegerField()  # that stood there at the day's end
    cpus_limit = models.FloatField()  # summed over these
    memory_limit = models.BigIntegerField()
    cpu_p99 = models.FloatField(null=True)
    memory_p99 = models.BigIntegerField(null=True)
    # Of the instance that has the highest.
    cpu_one_p99 = models.FloatField(null=True)
    memory_one_p99 = models.BigIntegerField(null=True)
    memory_one_max = models.BigIntegerField(null=True)  # the highest single sample
    # The share of all instances' pieces in which a twentieth of the time or more was throttled, 0 to 1.
    throttled = models.FloatField(null=True)
    oom_kills = models.PositiveIntegerField(null=True)

    class Meta:
        ordering = ["place", "day"]
        constraints = [models.UniqueConstraint(fields=["place", "day"], name="a_place_once_a_day")]
        indexes = [models.Index(fields=["day"], name="capacity_place_by_day")]

    def __str__(self) -> str:
        return f"{self.place_id} {self.day}"


class SegmentDay(models.Model):
    """A segment at a day's end: how many addresses its pool can give, and how many of them are not free. What rests, is reserved or
    has a stranger is as when the row was made.
    """

    day = models.DateField()
    segment = models.ForeignKey(Segment, models.CASCADE, related_name="days")
    total = models.PositiveIntegerField()
    taken = models.PositiveIntegerField()

    class Meta:
        ordering = ["segment", "day"]
        constraints = [models.UniqueConstraint(fields=["segment", "day"], name="a_segment_once_a_day")]

    def __str__(self) -> str:
        return f"{self.segment_id} {self.day}"


class Amounts(Used):
    """What several hosts or places had and used. Their percentiles are added up: a host's peak cannot be lent to another, so
    the sum of `p95` is what is to be kept for them, and never less than the `p95` of all together.
    """

    hosts = models.PositiveIntegerField(default=0)
    instances = models.PositiveIntegerField(default=0)
    cpus = models.PositiveIntegerField(null=True)  # of hosts only, as is what follows up to what is committed
    memory = models.BigIntegerField(null=True)
    cpus_allocatable = models.FloatField(null=True)
    memory_allocatable = models.BigIntegerField(null=True)
    cpus_committed = models.FloatField(default=0)
    memory_committed = models.BigIntegerField(default=0)
    disk_total = models.BigIntegerField(null=True)
    disk_used = models.BigIntegerField(null=True)

    class Meta:
        abstract = True


class Of(models.TextChoices):
    """Of what amounts are; the key is that of its row, 0 what has none."""

    FLEET = "fleet", _("fleet")
    GROUP = "group", _("group")
    HOST = "host", _("host")
    ENVIRONMENT = "environment", _("environment")
    TEAM = "team", _("team")
    SERVICE = "service", _("service")


class SumDay(Amounts):
    """A day of the fleet, a group, an environment or a team, as they were then."""

    day = models.DateField()
    of = models.CharField(max_length=12, choices=Of)
    key = models.BigIntegerField()
    # The share of the hosts, or of the places with instances, of which the used figures are; and what these hosts have.
    measured = models.FloatField(null=True)
    cpus_measured = models.PositiveIntegerField(null=True)
    memory_measured = models.BigIntegerField(null=True)

    class Meta:
        ordering = ["of", "key", "day"]
        constraints = [models.UniqueConstraint(fields=["of", "key", "day"], name="a_sum_once_a_day")]

    def __str__(self) -> str:
        return f"{self.of} {self.key} {self.day}"


class Span(Amounts):
    """The last so many days of one of these, or of a host or a service, made anew with each day, so that pages read a row a line.

    What there is is of the last day; used: the median of the days' `p50`, what 95 % of the days' `p95` do not exceed, and the highest `max`.
    """

    DAYS = (7, 30, 90, 365)

    days = models.PositiveSmallIntegerField()
    of = models.CharField(max_length=12, choices=Of)
    key = models.BigIntegerField()
    name = models.CharField(max_length=120, blank=True)  # as it was called then; for the order and the search
    measured = models.PositiveSmallIntegerField(default=0)  # days that used figures are of
    covered = models.FloatField(null=True)  # the share of the machines that was measured on these, in the mean
    until = models.DateField()  # the last day

    class Meta:
        ordering = ["days", "of", "name"]
        constraints = [models.UniqueConstraint(fields=["days", "of", "key"], name="a_span_once")]

    def __str__(self) -> str:
        return f"{self.of} {self.name}, {self.days} days"


# What scorecard and cost keep, and scenarios, have files of their own.
from containers.capacity.move_models import KeptMoves  # noqa: E402, F401
from containers.capacity.runway_models import KeptRunways  # noqa: E402, F401
from containers.capacity.score_models import (  # noqa: E402
    CostMonth,  # noqa: F401
    HealthDay,  # noqa: F401
    HealthWeek,  # noqa: F401
    Objective,  # noqa: F401
    Price,  # noqa: F401
    ScoreWeek,  # noqa: F401
)
from containers.capacity.size_models import SizedDays  # noqa: E402, F401
from containers.capacity.whatif.models import Scenario  # noqa: E402, F401
