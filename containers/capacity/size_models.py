"""What right-sizing keeps: what places used within the last days, made anew with each day that is rolled up."""

from __future__ import annotations

from django.db import models


class SizedDays(models.Model):
    """What the instances of all places used within so many days: one row, since all places are read for one page.

    `pasts`: {place: [cores and bytes that limit one instance, the fields of `rightsizing.Past`]}. It is of the days that were rolled up when `known` said so.
    """

    days = models.PositiveSmallIntegerField(primary_key=True)
    known = models.CharField(max_length=120)
    pasts = models.JSONField(default=dict)

    def __str__(self) -> str:
        return f"{self.days} days"
