"""What the overview keeps: when what runs out, made anew with each day that is rolled up."""

from __future__ import annotations

from django.db import models


class KeptRunways(models.Model):
    """All runways by the days that were rolled up when `known` said so: one row, since all are read for one page.

    `ends`: of each, [what it is of (`Of.GROUP` or «segment»), its key, the fields of `overview.Ends` that are numbers, those of `runway.Runway`].
    """

    known = models.CharField(max_length=120)
    ends = models.JSONField(default=list)

    def __str__(self) -> str:
        return f"runways of {self.known}"
