"""What was counted of a month: numbers and names, to be put into words in each reader's language."""

from __future__ import annotations

from django.db import models


class MonthlyReport(models.Model):
    class State(models.TextChoices):
        QUEUED = "queued"
        MADE = "succeeded"
        FAILED = "failed"

    month = models.CharField(max_length=7, unique=True)  # «2026-11», by UTC
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED, db_index=True)
    asked = models.DateTimeField()
    asked_name = models.CharField(max_length=150)
    made = models.DateTimeField(null=True)  # when `figures` were counted: those of before stay while it is made anew
    figures = models.JSONField(default=dict)
    problem = models.TextField(blank=True)

    class Meta:
        ordering = ["-month"]

    def __str__(self) -> str:
        return self.month
