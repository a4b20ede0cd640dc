"""What scorecard, availability and cost keep: a row a week, a place and day, a price, and a month."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from containers.models import ServiceEnvironment
from hosts.models import Host, HostGroup


class ScoreWeek(models.Model):
    """What was released in an ISO week (by UTC), by place: one row, since a year of all places is read for one page.

    `tallies`: `scoring.packed` of them. `open`: whether something of it was not restored yet when it was counted.
    """

    week = models.DateField(primary_key=True)  # its Monday
    tallies = models.JSONField(default=dict)
    open = models.BooleanField(default=False)
    counted = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.week:%G-W%V}"


class Objective(models.Model):
    """How available a place shall be (over `availability.WINDOW` days), and how many healthy instances that takes."""

    place = models.OneToOneField(ServiceEnvironment, models.CASCADE, related_name="objective")
    target = models.DecimalField(_("target in per cent"), max_digits=6, decimal_places=3)
    least = models.PositiveIntegerField(_("healthy instances at least"), default=1)
    author_name = models.CharField(max_length=150)
    changed = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"{self.place_id}: {self.target} %"

    @property
    def shown(self) -> str:
        """The target as people write it: «99.9»."""
        return f"{self.target.normalize():f}"


class HealthDay(models.Model):
    """How many seconds of a day (by UTC) a place was available, was not, and in how many nobody knows. Time without any instance is none."""

    day = models.DateField()
    place = models.ForeignKey(ServiceEnvironment, models.CASCADE, related_name="health_days")
    good = models.PositiveIntegerField()
    bad = models.PositiveIntegerField()
    unknown = models.PositiveIntegerField()
    least = models.PositiveIntegerField()  # healthy instances that were asked for
    until = (
        models.PositiveIntegerField()
    )  # seconds of the day that were over when it was counted: 86400 for a whole one

    class Meta:
        ordering = ["place", "day"]
        constraints = [models.UniqueConstraint(fields=["place", "day"], name="a_health_once_a_day")]
        indexes = [models.Index(fields=["day"], name="capacity_health_by_day")]

    def __str__(self) -> str:
        return f"{self.place_id} {self.day}"


class HealthWeek(models.Model):
    """The sums of a week's days (from its Monday on), once none of them is counted any more."""

    week = models.DateField()
    place = models.ForeignKey(ServiceEnvironment, models.CASCADE, related_name="health_weeks")
    good = models.PositiveIntegerField()
    bad = models.PositiveIntegerField()
    unknown = models.PositiveIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["place", "week"], name="a_health_once_a_week")]
        indexes = [models.Index(fields=["week"], name="capacity_health_by_week")]

    def __str__(self) -> str:
        return f"{self.place_id} {self.week:%G-W%V}"


class Price(models.Model):
    """What hosts cost a month from a day on: one host, a host group, or every host that has no nearer price.

    Either `monthly` for a whole host, or `core` and `gib` for each of its cores and each GiB of its memory.
    """

    host = models.ForeignKey(Host, models.PROTECT, null=True, blank=True, related_name="prices", verbose_name=_("host"))
    group = models.ForeignKey(
        HostGroup, models.PROTECT, null=True, blank=True, related_name="prices", verbose_name=_("host group")
    )
    monthly = models.DecimalField(_("a host and month"), max_digits=12, decimal_places=2, null=True, blank=True)
    core = models.DecimalField(_("a core and month"), max_digits=12, decimal_places=4, null=True, blank=True)
    gib = models.DecimalField(_("a GiB of memory and month"), max_digits=12, decimal_places=4, null=True, blank=True)
    currency = models.CharField(_("currency"), max_length=8)
    valid_from = models.DateField(_("valid from"))
    author_name = models.CharField(max_length=150)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-valid_from", "-pk"]

    def __str__(self) -> str:
        return f"{self.host or self.group or '*'} {self.valid_from}"


class CostMonth(models.Model):
    """What a month (by UTC) cost by place, as far as its days are counted; made anew when a price or a day is added.

    `bill`: {"places": {place: amount}, "unallocated": amount, "priced": [host…], "unpriced": [host…]}.
    """

    month = models.DateField(primary_key=True)  # its first day
    days = models.PositiveSmallIntegerField()  # of it that are counted
    bill = models.JSONField(default=dict)
    made = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.month:%Y-%m}"
